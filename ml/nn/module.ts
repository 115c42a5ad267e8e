import type * as tf from '@tensorflow/tfjs';

/** How a parameter starts; `standardDeviation` and `limit` are in the parameter's own unit. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly standardDeviation: number }
  /** Normal, redrawn beyond two standard deviations. */
  | { readonly kind: 'truncated-normal'; readonly standardDeviation: number }
  /** Uniform in [−limit, limit). */
  | { readonly kind: 'uniform'; readonly limit: number };

/** One named tensor of a model. Names are unique over a model: `backbone/blocks.3/expand/kernel`. */
export interface ParamSpec {
  readonly name: string;
  /** Convolution kernels [height, width, in, out], depthwise [height, width, in, 1], dense [in, out]. */
  readonly shape: readonly number[];
  readonly init: Initializer;
  /** `weight` is learned by gradients; `statistic` is a moving average that training reports and inference reads. */
  readonly kind: 'weight' | 'statistic';
  /** Whether weight decay applies: kernels yes; biases and BatchNorm no (He et al. 1812.01187 §3.1, "no bias decay"). */
  readonly decay: boolean;
}

/** What a block needs from whoever runs it. Tensors given out by `param` belong to the context: blocks never dispose of them. */
export interface ApplyContext {
  /** Throws on a name that the model does not declare. */
  param(name: string): tf.Tensor;
  /** True in a training step: dropout is on, and BatchNorm of trainable blocks uses batch statistics. */
  readonly training: boolean;
  /** Whether a block lies before the cut: its BatchNorm then uses stored statistics and never updates them. */
  isFrozen(blockName: string): boolean;
  /** The new value of a statistic after this step. The context takes it over: it must `tf.keep` or copy it before it returns. */
  setStatistic(name: string, value: tf.Tensor): void;
  /** An address for a block's random draws in this step: int32 [2], a function of (seed, epoch, step, block). */
  dropoutSeed(blockName: string): tf.Tensor;
}

/** A step of a network, and the unit of freezing. */
export interface Block {
  /** Unique within a model; the prefix of its parameters' names. */
  readonly name: string;
  readonly params: readonly ParamSpec[];
  /** Layers with kernels that it counts (convolutions, dense); 0 for pooling and dropout. */
  readonly layers: number;
  /** Channels it gives out (the last dimension). */
  readonly outChannels: number;
  /** Pure but for `ctx.setStatistic`; the caller tidies intermediates (see `applyBlocks`). */
  apply(x: tf.Tensor, ctx: ApplyContext): tf.Tensor;
}
