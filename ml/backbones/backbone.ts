import type { BackboneName as BackboneId } from '../../core/backbone-facts.ts';
import type { Block, ParamSpec } from '../nn/module.ts';
import type { Preprocessing } from '../nn/preprocessing.ts';

export type { BackboneName as BackboneId } from '../../core/backbone-facts.ts';

/** A place where the network may be cut: blocks 0 … `afterBlock` before it, the rest after. */
export interface CutPoint {
  readonly name: string;
  readonly afterBlock: number;
  /** Pixels of the input a cell of the feature map stands for, along one side. */
  readonly stridePx: number;
  readonly channels: number;
}

/** A network without its head, from preprocessed pixels to a feature map [batch, height, width, featureChannels]. */
export interface Backbone {
  readonly id: BackboneId;
  readonly blocks: readonly Block[];
  /** From the input to the output; the last is the whole backbone. */
  readonly cutPoints: readonly CutPoint[];
  readonly featureChannels: number;
  /** Side of the square input that the published weights were trained at. */
  readonly defaultSizePx: number;
  /** Smallest side it accepts. */
  readonly minimumSizePx: number;
  readonly preprocessing: Preprocessing;
  /** Dropout before the classifier, as published. */
  readonly defaultDropout: number;
  readonly provenance: Provenance;
}

/** Where an architecture comes from, and its published size with a 1000-class head (learned values; no statistics). */
export interface Provenance {
  readonly source: string;
  readonly publishedParameters: number | null;
  /** How many of them lie behind the features; one dense layer's where left out. */
  readonly classifierParameters?: number;
}

/** Learned values (weights, not statistics). */
export function countWeights(params: readonly ParamSpec[]): number {
  return params
    .filter((spec) => spec.kind === 'weight')
    .reduce((sum, spec) => sum + spec.shape.reduce((product, size) => product * size, 1), 0);
}

/**
 * A cut after every block: `strides[i]` is the stride of block i. Named as the block without its prefix (`stem`, `blocks.3`, `top`).
 */
export function cutAfterEach(blocks: readonly Block[], strides: readonly number[]): CutPoint[] {
  let stridePx = 1;
  return blocks.map((block, afterBlock) => {
    stridePx *= strides[afterBlock] ?? 1;
    return { name: block.name.replace('backbone/', ''), afterBlock, stridePx, channels: block.outChannels };
  });
}
