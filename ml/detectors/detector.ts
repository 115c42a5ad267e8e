import type * as tf from '@tensorflow/tfjs';
import type { SuppressionOptions } from '../../core/detection/suppression.ts';
import type { Objects } from '../../core/detection/targets.ts';
import type { Backbone } from '../backbones/backbone.ts';
import type { InputSpec, Output } from '../engine/index.ts';
import type { TypedArray } from '../native/backend.ts';
import type { ApplyContext, ParamSpec } from '../nn/module.ts';

/** The rows of a batch, and where what is drawn for them is addressed. */
export interface TargetAddress {
  readonly seed: number;
  /** 0 in validation: nothing there may differ from epoch to epoch. */
  readonly epoch: number;
  /** Row of each image in its side. */
  readonly indexes: readonly number[];
}

/** One object that was found. */
export interface Detection {
  /** 0 … classes − 1. */
  readonly label: number;
  readonly score: number;
  /** [ymin, xmin, ymax, xmax] in shares of the image. */
  readonly box: readonly [number, number, number, number];
}

/** Boxes and scores before suppression, of preprocessed pixels. */
export interface Candidates {
  /** [batch, count, 1 or classes, 4]: ymin, xmin, ymax, xmax in shares of the frame; one for all classes, or one for each. */
  readonly boxes: tf.Tensor;
  /** [batch, count, classes]. */
  readonly scores: tf.Tensor;
  /** Of two stages: [batch, count, 4], what the first one proposed, in shares of the frame; 0 where it proposed nothing. */
  readonly proposals?: tf.Tensor;
}

/**
 * A network that finds objects in images of one size. What is the same for all of them (augmentation, gradients, L2, the
 * optimizer's step, averages) is in detector-programs.ts; a detector says what is its own.
 */
export interface Detector {
  readonly kind: 'ssd' | 'faster-rcnn';
  readonly backbone: Backbone;
  readonly classes: number;
  /** Of backbone and detector (`detector/…`), the backbone's first. */
  readonly params: readonly ParamSpec[];
  /** [anchors × 4]: ymin, xmin, ymax, xmax in shares of the frame, in the order of the raw outputs. */
  readonly anchors: Float32Array;
  /** Share of Σ w²/2 of all kernels that is added to the loss. */
  readonly l2: number;
  /** Names of `losses`, in their order. */
  readonly lossNames: readonly string[];
  readonly suppression: SuppressionOptions & {
    /** Whether boxes are cut at the edges of the frame afterwards. */
    readonly clips: boolean;
  };
  /** What `losses` takes for a batch besides pixels, by name. */
  targetSpecs(batch: number): Readonly<Record<string, InputSpec>>;
  /** Made in the input pipeline, of boxes where augmentation has put them: a pure function of both arguments. */
  targets(objects: readonly Objects[], address: TargetAddress): Readonly<Record<string, TypedArray>>;
  /** Weighted losses (their sum is descended) of preprocessed pixels; runs under the recorder: it reads no values. */
  losses(x: tf.Tensor, targets: Readonly<Record<string, tf.Tensor>>, ctx: ApplyContext): readonly tf.Scalar[];
  /** Proposals of an image; null where there is one stage. */
  readonly proposals: number | null;
  /** What exports begin with; runs under the recorder. `proposals`: the second stage looks at these, not at the first's. */
  candidates(x: tf.Tensor, ctx: ApplyContext, proposals?: tf.Tensor): Candidates;
  /** Raw outputs of preprocessed pixels; the first dimension of each is the batch. */
  infer(x: tf.Tensor, ctx: ApplyContext): Readonly<Record<string, tf.Tensor>>;
  /** What the raw outputs say of the first `rows` images, surest first, after suppression. */
  detections(outputs: ReadonlyMap<string, Output>, rows: number): Detection[][];
}
