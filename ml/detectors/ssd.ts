import * as tf from '@tensorflow/tfjs';
import type { Grid } from '../../core/detection/anchors.ts';
import { ssdAnchorDefaults, ssdAnchors, ssdShapes } from '../../core/detection/anchors.ts';
import type { SsdAnchorOptions } from '../../core/detection/anchors.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import { inputError } from '../../core/errors.ts';
import { convBn } from '../nn/conv-bn.ts';
import type { BatchNormConstants } from '../nn/conv-bn.ts';
import { depthwiseSeparable } from '../nn/depthwise-separable.ts';
import { zeros } from '../nn/initialize.ts';
import { convBnBlock } from '../nn/inverted-residual.ts';
import type { ApplyContext, Block, Initializer, ParamSpec } from '../nn/module.ts';
import { biasAdd } from '../nn/ops/bias-add.ts';
import { conv } from '../nn/ops/conv.ts';

export interface SsdOptions {
  readonly classes: number;
  readonly heightPx: number;
  readonly widthPx: number;
  /** Side of the predictors’ kernels: 1 with MobileNetV1, 3 with the others. */
  readonly predictorKernelPx: 1 | 3;
  /** Channels of the feature maps beyond the backbone’s. */
  readonly extraChannels: readonly number[];
  readonly anchors: SsdAnchorOptions;
  readonly batchNorm: BatchNormConstants;
  /** SSDLite (Sandler et al. 1801.04381, §6.2): predictors and extra maps in depthwise separable convolutions. */
  readonly depthwise: boolean;
  /** Cut point that the first map is taken of; null for the last one of half the final stride. */
  readonly tap: string | null;
  /** Standard deviation of new kernels: truncated_normal_initializer. */
  readonly kernelDeviation: number;
}

/** Of ssd_mobilenet_v1_coco.config; input size and number of classes are the user’s. */
export const ssdDefaults = {
  predictorKernelPx: 1,
  extraChannels: [512, 256, 256, 128],
  anchors: ssdAnchorDefaults,
  batchNorm: { epsilon: 1e-3, momentum: 0.9997 },
  depthwise: false,
  tap: null,
  kernelDeviation: 0.03,
} as const satisfies Partial<SsdOptions>;

/** How all layers start that are not the backbone’s. */
const kernelInit = ({ kernelDeviation }: Pick<SsdOptions, 'kernelDeviation'>): Initializer => ({
  ...{ kind: 'truncated-normal', standardDeviation: kernelDeviation },
});

/** A single-shot detector (Liu et al. 1512.02325): feature maps of falling size, each cell of which says class and box of its anchors. */
export interface Ssd {
  readonly backbone: Backbone;
  readonly classes: number;
  /** The first map is behind this many blocks of the backbone, the second behind all of them. */
  readonly tap: number;
  /** Each two blocks give one more map: 1×1 to half the channels, 3×3 with stride 2. */
  readonly extras: readonly Block[];
  readonly predictors: readonly Predictor[];
  readonly grids: readonly Grid[];
  /** [anchors × 4] in shares of the image. */
  readonly anchors: Float32Array;
  readonly params: readonly ParamSpec[];
}

interface Predictor {
  readonly anchorsPerCell: number;
  readonly classes: Convolution;
  readonly boxes: Convolution;
}

interface Convolution {
  readonly params: readonly ParamSpec[];
  apply(x: tf.Tensor, ctx: ApplyContext): tf.Tensor;
}

export interface SsdOutput {
  /** [batch, anchors, classes + 1]: background first. */
  readonly logits: tf.Tensor;
  /** [batch, anchors, 4]. */
  readonly codes: tf.Tensor;
}

/** The detector on a backbone whose last map has twice the stride of the first that is used, as published. */
export function createSsd(backbone: Backbone, options: SsdOptions): Ssd {
  const { classes, heightPx, widthPx, extraChannels, anchors } = options;
  const { blocks, cutPoints } = backbone;
  const last = cutPoints.at(-1);
  const first =
    options.tap === null
      ? cutPoints.findLast(({ stridePx }) => stridePx * 2 === last?.stridePx)
      : cutPoints.find(({ name }) => name === options.tap);
  if (!last || !first) {
    const names = cutPoints.map(({ name }) => name).join(', ');
    throw inputError(
      'CONFIG_VALUE',
      'model.detector.tap',
      String(options.tap),
      `a cut point of ${backbone.id}: ${names}`,
    );
  }
  const extras = extraBlocks(last.channels, options);
  const grids = gridsOf([heightPx, widthPx], [first.stridePx, last.stridePx], extraChannels.length);
  const channels = [first.channels, last.channels, ...extraChannels];
  const shapes = ssdShapes(grids.length, anchors);
  const predictors = channels.map((inChannels, map) =>
    predictorOf(`detector/map${map}`, inChannels, shapes[map]?.length ?? 0, options),
  );
  const heads = predictors.flatMap((each) => [...each.classes.params, ...each.boxes.params]);
  return {
    backbone,
    classes,
    tap: first.afterBlock + 1,
    extras,
    predictors,
    grids,
    anchors: ssdAnchors({ heightPx, widthPx }, grids, anchors),
    params: [...[...blocks, ...extras].flatMap(({ params }) => params), ...heads],
  };
}

/** Grid of each map: TensorFlow’s SAME rule, ⌈side / stride⌉, and each extra half of the one before. */
function gridsOf([heightPx, widthPx]: readonly [number, number], strides: readonly number[], extras: number): Grid[] {
  const grids = strides.map((stride) => ({ rows: Math.ceil(heightPx / stride), columns: Math.ceil(widthPx / stride) }));
  for (let i = 0; i < extras; i++) {
    const { rows, columns } = grids.at(-1) ?? { rows: 1, columns: 1 };
    grids.push({ rows: Math.ceil(rows / 2), columns: Math.ceil(columns / 2) });
  }
  return grids;
}

function extraBlocks(inChannels: number, options: SsdOptions): Block[] {
  const { extraChannels, batchNorm, depthwise } = options;
  let channels = inChannels;
  return extraChannels.flatMap((outChannels, index) => {
    const shared = { padding: 'same', batchNorm, activation: 'relu6', init: kernelInit(options) } as const;
    const half = Math.floor(outChannels / 2);
    const name = `detector/extra${index}`;
    const narrow = { name: `${name}/narrow`, inChannels: channels, outChannels: half, kernelPx: 1, stride: 1 };
    const reduce = { name: `${name}/reduce`, inChannels: half, outChannels, stride: 2 };
    channels = outChannels;
    return [
      convBnBlock({ ...shared, ...narrow }),
      depthwise
        ? depthwiseSeparable({ padding: 'same', batchNorm, ...reduce })
        : convBnBlock({ ...shared, ...reduce, kernelPx: 3 }),
    ];
  });
}

function predictorOf(name: string, inChannels: number, anchorsPerCell: number, options: SsdOptions): Predictor {
  const layer = (what: string, outChannels: number): Convolution =>
    options.depthwise
      ? separable(`${name}/${what}`, inChannels, outChannels, options)
      : convolution(`${name}/${what}`, inChannels, outChannels, options);
  return {
    anchorsPerCell,
    classes: layer('classes', anchorsPerCell * (options.classes + 1)),
    boxes: layer('boxes', anchorsPerCell * 4),
  };
}

/** 3×3 depthwise with BatchNorm, then 1×1 (research/object_detection `ConvolutionalBoxPredictor`, `use_depthwise`). */
function separable(name: string, inChannels: number, outChannels: number, options: SsdOptions): Convolution {
  const spatial = convBn({
    ...{ name: `${name}/depthwise`, inChannels, outChannels: inChannels, kernelPx: 3, stride: 1, padding: 'same' },
    ...{ depthwise: true, activation: 'relu6', batchNorm: options.batchNorm, init: kernelInit(options) },
  });
  const across = convolution(name, inChannels, outChannels, { ...options, predictorKernelPx: 1 });
  return {
    params: [...spatial.params, ...across.params],
    apply: (x, ctx) => across.apply(spatial.apply(x, ctx, name), ctx),
  };
}

function convolution(
  name: string,
  inChannels: number,
  outChannels: number,
  { predictorKernelPx: side, kernelDeviation }: SsdOptions,
): Convolution {
  const kernel: ParamSpec = {
    name: `${name}/kernel`,
    shape: [side, side, inChannels, outChannels],
    init: kernelInit({ kernelDeviation }),
    kind: 'weight',
    decay: true,
  };
  const bias: ParamSpec = { name: `${name}/bias`, shape: [outChannels], init: zeros, kind: 'weight', decay: false };
  return {
    params: [kernel, bias],
    apply: (x, ctx) =>
      biasAdd(conv(x, ctx.param(kernel.name), { stride: 1, padding: 'same', depthwise: false }), ctx.param(bias.name)),
  };
}

/** The detector’s words on preprocessed pixels [batch, height, width, 3], anchors in the order of `ssd.anchors`. */
export function applySsd(ssd: Ssd, x: tf.Tensor, ctx: ApplyContext): SsdOutput {
  const { backbone, tap, extras, predictors, classes } = ssd;
  const first = applyBlocks(backbone.blocks, 0, tap, x, ctx);
  const maps = [first, applyBlocks(backbone.blocks, tap, backbone.blocks.length, first, ctx)];
  for (let index = 0; index < extras.length; index += 2) {
    maps.push(applyBlocks(extras, index, index + 2, maps.at(-1) ?? first, ctx));
  }
  const flat = (y: tf.Tensor, width: number): tf.Tensor => {
    const [batch = 1, rows = 1, columns = 1, channels = width] = y.shape;
    return y.reshape([batch, (rows * columns * channels) / width, width]);
  };
  return {
    logits: tf.concat(
      predictors.map((each, map) => flat(each.classes.apply(maps[map] ?? first, ctx), classes + 1)),
      1,
    ),
    codes: tf.concat(
      predictors.map((each, map) => flat(each.boxes.apply(maps[map] ?? first, ctx), 4)),
      1,
    ),
  };
}
