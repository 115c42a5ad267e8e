import * as tf from '@tensorflow/tfjs';
import { gridAnchors, gridShapes } from '../../core/detection/anchors.ts';
import type { GridAnchorOptions } from '../../core/detection/anchors.ts';
import { anchorsInside } from '../../core/detection/rpn-targets.ts';
import type { Backbone, CutPoint } from '../backbones/backbone.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import { varianceScaling, zeros } from '../nn/initialize.ts';
import type { ApplyContext, Block, Initializer, ParamSpec } from '../nn/module.ts';
import { activate } from '../nn/ops/activation.ts';
import { biasAdd } from '../nn/ops/bias-add.ts';
import { conv } from '../nn/ops/conv.ts';
import { cropAndResize } from '../nn/ops/crop-and-resize.ts';
import { maxPool } from '../nn/ops/max-pool.ts';
import { fasterRcnnTrunk } from './trunks.ts';

export interface FasterRcnnOptions {
  readonly classes: number;
  readonly heightPx: number;
  readonly widthPx: number;
  /** `stridePx` is that of the map that proposals are made on and cropped from; the last cut of the backbone with it. */
  readonly anchors: GridAnchorOptions;
  /** Channels of the 3×3 convolution that the region proposal network begins with. */
  readonly rpnChannels: number;
  /** Of the region proposal network’s kernels. */
  readonly rpnDeviation: number;
  /** Side of a crop, which max pooling then halves. */
  readonly cropPx: number;
  /** Anchors that reach beyond the image: left out of training and clipped afterwards, as published, or kept as they are. */
  readonly outside: 'prune' | 'keep';
  /** Whether the backbone’s BatchNorm keeps its stored statistics, as published: with one image a step there are no others. */
  readonly frozenBatchNorm: boolean;
}

/** How the two last dense layers start, as published. */
const DENSE = { factor: 1, mode: 'fan-average', uniform: true } as const;

/**
 * A two-stage detector (Ren et al. 1506.01497): the first stage says of every anchor whether it has an object and where
 * exactly; the second crops the map at the proposals and says which class, and once more where.
 */
export interface FasterRcnn {
  readonly backbone: Backbone;
  readonly options: FasterRcnnOptions;
  readonly classes: number;
  /** Blocks before it run once an image, those behind it once a proposal. */
  readonly tap: number;
  readonly anchorsPerCell: number;
  /** [anchors × 4] in shares of the image. */
  readonly anchors: Float32Array;
  /** 1 for anchors that take part in training. */
  readonly inside: Uint8Array;
  readonly layers: FasterRcnnLayers;
  readonly params: readonly ParamSpec[];
}

interface FasterRcnnLayers {
  readonly rpn: Affine;
  readonly objectness: Affine;
  readonly rpnBoxes: Affine;
  readonly classes: Affine;
  readonly boxes: Affine;
}

/** A kernel and a bias: a convolution, or a dense layer where the kernel has two sides. */
interface Affine {
  readonly params: readonly [kernel: ParamSpec, bias: ParamSpec];
  apply(x: tf.Tensor, ctx: ApplyContext): tf.Tensor;
}

export function createFasterRcnn(given: Backbone, options: FasterRcnnOptions): FasterRcnn {
  const { classes, heightPx, widthPx, anchors: shapes, rpnChannels, rpnDeviation, outside } = options;
  const { stridePx } = shapes;
  const backbone = fasterRcnnTrunk(given);
  const cut = tapOf(given, stridePx);
  const grid = { rows: Math.ceil(heightPx / stridePx), columns: Math.ceil(widthPx / stridePx) };
  const pixels = gridAnchors(grid, shapes);
  const anchors = pixels.map((value, index) => value / (index % 2 === 0 ? heightPx : widthPx));
  const anchorsPerCell = gridShapes(shapes).length;
  const rpnInit: Initializer = { kind: 'truncated-normal', standardDeviation: rpnDeviation };
  const rpn = (name: string, kernelPx: number, from: number, to: number): Affine =>
    affine(`detector/rpn/${name}`, [kernelPx, kernelPx, from, to], rpnInit);
  const features = backbone.featureChannels;
  const dense = (name: string, width: number): Affine =>
    affine(`detector/roi/${name}`, [features, width], varianceScaling(DENSE, features, width));
  const layers: FasterRcnnLayers = {
    rpn: rpn('conv', 3, cut.channels, rpnChannels),
    objectness: rpn('objectness', 1, rpnChannels, anchorsPerCell * 2),
    rpnBoxes: rpn('boxes', 1, rpnChannels, anchorsPerCell * 4),
    classes: dense('classes', classes + 1),
    boxes: dense('boxes', classes * 4),
  };
  return {
    ...{ backbone, options, classes, tap: cut.afterBlock + 1, anchorsPerCell, anchors, layers },
    inside: outside === 'prune' ? anchorsInside(anchors) : new Uint8Array(anchors.length / 4).fill(1),
    params: [...backbone.blocks, ...Object.values(layers)].flatMap(({ params }) => params),
  };
}

/** Where the two stages part: the last map of this stride with blocks behind it, or the first where all behind it have it. */
function tapOf({ id, cutPoints, blocks }: Backbone, stridePx: number): CutPoint {
  const points = cutPoints.filter((point) => point.stridePx === stridePx);
  const last = points.at(-1);
  const cut = last && last.afterBlock + 1 < blocks.length ? last : points[0];
  if (!cut || cut.afterBlock + 1 >= blocks.length)
    throw new Error(`${id} has no block behind a map of stride ${stridePx}`);
  return cut;
}

function affine(name: string, shape: readonly number[], init: Initializer): Affine {
  const kernel: ParamSpec = { name: `${name}/kernel`, shape, init, kind: 'weight', decay: true };
  const width = shape.at(-1) ?? 1;
  const bias: ParamSpec = { name: `${name}/bias`, shape: [width], init: zeros, kind: 'weight', decay: false };
  const product = (x: tf.Tensor, weights: tf.Tensor): tf.Tensor =>
    shape.length === 2 ? tf.matMul(x, weights) : conv(x, weights, { stride: 1, padding: 'same', depthwise: false });
  return {
    params: [kernel, bias],
    apply: (x, ctx) => biasAdd(product(x, ctx.param(kernel.name)), ctx.param(bias.name)),
  };
}

export interface FirstStage {
  /** [batch, rows, columns, channels]: what the second stage crops. */
  readonly map: tf.Tensor;
  /** [batch, anchors, 2]: background, object. */
  readonly objectness: tf.Tensor;
  /** [batch, anchors, 4]. */
  readonly codes: tf.Tensor;
}

/** The first stage’s words on preprocessed pixels [batch, height, width, 3], anchors in the order of `anchors`. */
export function applyFirstStage(detector: FasterRcnn, x: tf.Tensor, ctx: ApplyContext): FirstStage {
  const { backbone, layers, tap } = detector;
  const map = applyBlocks(backbone.blocks, 0, tap, x, backboneContext(detector, ctx));
  const batch = x.shape[0] ?? 1;
  const hidden = activate(layers.rpn.apply(map, ctx), 'relu6');
  return {
    map,
    objectness: layers.objectness.apply(hidden, ctx).reshape([batch, -1, 2]),
    codes: layers.rpnBoxes.apply(hidden, ctx).reshape([batch, -1, 4]),
  };
}

export interface SecondStage {
  /** [batch, proposals, classes + 1]: background first. */
  readonly logits: tf.Tensor;
  /** [batch, proposals, classes, 4]: a box for each class. */
  readonly codes: tf.Tensor;
}

/**
 * A crop's last sample lies on its last edge, and is 0 beyond the map: for a box that ends with the image, rounding alone
 * would say which. This far inside it is always the map's own value.
 */
const LAST_EDGE = 1 - 1e-6;

/** The second stage’s words on proposals [batch, count, 4] of the map. */
export function applySecondStage(
  detector: FasterRcnn,
  map: tf.Tensor,
  proposals: tf.Tensor,
  ctx: ApplyContext,
): SecondStage {
  const { backbone, layers, tap, classes, options } = detector;
  const [batch = 1, count = 1] = proposals.shape;
  const images = tf.tensor1d(
    Int32Array.from({ length: batch * count }, (_, i) => Math.floor(i / count)),
    'int32',
  );
  const size = { heightPx: options.cropPx, widthPx: options.cropPx };
  const inside = tf.minimum(proposals, LAST_EDGE).reshape([batch * count, 4]);
  const crops = cropAndResize(map, { boxes: inside, images, ...size });
  const halved = maxPool(crops, { windowPx: 2, stride: 2, padding: 'valid' });
  const blocks: readonly Block[] = backbone.blocks;
  const features = applyBlocks(blocks, tap, blocks.length, halved, backboneContext(detector, ctx)).mean([1, 2]);
  return {
    logits: layers.classes.apply(features, ctx).reshape([batch, count, classes + 1]),
    codes: layers.boxes.apply(features, ctx).reshape([batch, count, classes, 4]),
  };
}

const backboneContext = ({ options }: FasterRcnn, ctx: ApplyContext): ApplyContext =>
  options.frozenBatchNorm ? { ...ctx, isFrozen: () => true } : ctx;
