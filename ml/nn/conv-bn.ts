import * as tf from '@tensorflow/tfjs';
import { usesBatchStatistics } from './apply-blocks.ts';
import { heFanOut, ones, zeros } from './initialize.ts';
import type { ApplyContext, Initializer, ParamSpec } from './module.ts';
import { batchNormAffine, batchNormTraining } from './ops/batch-norm.ts';
import { biasAdd } from './ops/bias-add.ts';
import type { Activation } from './ops/activation.ts';
import { activate } from './ops/activation.ts';
import type { Padding } from './ops/conv.ts';
import { conv } from './ops/conv.ts';

/** BatchNorm's constants; `momentum` in TensorFlow's sense (what is kept of the old value; PyTorch's is 1 minus it). */
export interface BatchNormConstants {
  readonly epsilon: number;
  readonly momentum: number;
  /** False: no gamma, as in Inception; true where left out. */
  readonly scale?: boolean;
}

export interface ConvBnOptions {
  /** Full name: the block's name, a slash, and the layer's: `backbone/blocks.3/expand`. */
  readonly name: string;
  readonly inChannels: number;
  /** Equal to `inChannels` when depthwise. */
  readonly outChannels: number;
  /** Side of a square kernel, or height and width. */
  readonly kernelPx: number | readonly [height: number, width: number];
  readonly stride: number;
  readonly padding: Padding;
  readonly depthwise?: boolean;
  /** A bias before BatchNorm, which takes it out again with the mean of the batch: Keras's ResNet has one. */
  readonly bias?: boolean;
  readonly activation: Activation;
  readonly batchNorm: BatchNormConstants;
  /** How the kernel starts; He's in fan-out mode where absent. */
  readonly init?: Initializer;
}

/** A part of a block. */
export interface Layer {
  readonly params: readonly ParamSpec[];
  apply(x: tf.Tensor, ctx: ApplyContext, blockName: string): tf.Tensor;
}

/** Convolution, BatchNorm, activation: `<name>/kernel`, `<name>/bias` if any, and `<name>/bn/{gamma,beta,moving_mean,moving_variance}`. */
export function convBn(options: ConvBnOptions): Layer {
  const { activation, batchNorm, stride, padding } = options;
  const depthwise = options.depthwise ?? false;
  const { kernel, bias, gamma, beta, movingMean, movingVariance } = convBnParams(options);
  return {
    params: [kernel, bias, gamma, beta, movingMean, movingVariance].filter((spec) => spec !== null),
    apply(x, ctx, blockName) {
      const weights = ctx.param(kernel.name);
      const p = {
        gamma: gamma ? ctx.param(gamma.name) : tf.ones(beta.shape.slice()),
        beta: ctx.param(beta.name),
        movingMean: ctx.param(movingMean.name),
        movingVariance: ctx.param(movingVariance.name),
      };
      if (!usesBatchStatistics(ctx, blockName)) {
        const { scale, shift } = batchNormAffine(p, batchNorm.epsilon);
        const folded = tf.mul(weights, depthwise ? tf.reshape(scale, [-1, 1]) : scale);
        const offset = bias ? tf.add(shift, tf.mul(ctx.param(bias.name), scale)) : shift;
        const z = conv(x, folded, { stride, padding, depthwise, padApart: depthwise });
        return activate(biasAdd(z, offset), activation);
      }
      const z = conv(x, weights, { stride, padding, depthwise, inTraining: true });
      const normalized = batchNormTraining(z, p, { ...batchNorm, activation });
      // A batch's own mean takes a bias out again: it moves the mean that is kept, and nothing else.
      const offset = bias && ctx.param(bias.name);
      const moved = offset && tf.add(normalized.movingMean, tf.mul(offset, 1 - batchNorm.momentum));
      ctx.setStatistic(movingMean.name, moved ?? normalized.movingMean);
      ctx.setStatistic(movingVariance.name, normalized.movingVariance);
      return offset ? withoutEffect(normalized.y, offset) : normalized.y;
    },
  };
}

/** y, on which `param` has no influence: its gradient is zero. */
function withoutEffect(y: tf.Tensor, param: tf.Tensor): tf.Tensor {
  const identity = tf.customGrad((...inputs) => {
    const [value] = inputs;
    if (!(value instanceof tf.Tensor)) throw new Error('no value');
    // A tensor of its own: tfjs would add its gradient to that of the same tensor, and so double it.
    return { value: value.clone(), gradFunc: (dy: tf.Tensor) => [dy, tf.zeros(param.shape)] };
  });
  return identity(y, param);
}

function convBnParams({ name, inChannels, outChannels, kernelPx, depthwise, bias, ...options }: ConvBnOptions) {
  if (depthwise && inChannels !== outChannels) throw new Error(`${name}: a depthwise layer keeps its channels`);
  const [height, width] = typeof kernelPx === 'number' ? [kernelPx, kernelPx] : kernelPx;
  const shape = [height, width, inChannels, depthwise ? 1 : outChannels];
  // A depthwise output sees one input channel, so its true fan-out is the kernel's area.
  const init = options.init ?? heFanOut(height, width, depthwise ? 1 : outChannels);
  const channel = (suffix: string, kind: ParamSpec['kind'], start: typeof ones): ParamSpec => ({
    name: `${name}/${suffix}`,
    shape: [outChannels],
    init: start,
    kind,
    decay: false,
  });
  const kernel: ParamSpec = { name: `${name}/kernel`, shape, init, kind: 'weight', decay: true };
  return {
    kernel,
    bias: bias ? channel('bias', 'weight', zeros) : null,
    gamma: options.batchNorm.scale === false ? null : channel('bn/gamma', 'weight', ones),
    beta: channel('bn/beta', 'weight', zeros),
    movingMean: channel('bn/moving_mean', 'statistic', zeros),
    movingVariance: channel('bn/moving_variance', 'statistic', ones),
  };
}
