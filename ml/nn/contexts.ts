import * as tf from '@tensorflow/tfjs';
import type { ApplyContext, ParamSpec } from './module.ts';

/** Values of parameters as tensors, by name. The caller disposes of them. */
export function paramTensors(
  params: readonly ParamSpec[],
  values: ReadonlyMap<string, Float32Array>,
): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  for (const { name, shape } of params) {
    const value = values.get(name);
    if (value === undefined) throw new Error(`no value for parameter ${name}`);
    tensors.set(name, tf.tensor(value, [...shape], 'float32'));
  }
  return tensors;
}

/** For prediction, evaluation and cached features: nothing is updated, nothing is random. */
export function inferenceContext(param: (name: string) => tf.Tensor): ApplyContext {
  return {
    param,
    training: false,
    isFrozen: () => true,
    setStatistic: (name) => {
      throw new Error(`statistic ${name} set outside of training`);
    },
    dropoutSeed: (name) => {
      throw new Error(`dropout in ${name} outside of training`);
    },
  };
}

export interface TrainingContextOptions {
  /** Names of the blocks before the cut. */
  readonly frozenBlocks: ReadonlySet<string>;
  readonly dropoutSeed: (blockName: string) => tf.Tensor;
}

/**
 * For one training step. New statistics are kept in `statistics` by name, past the tidy they were made in: whoever ran
 * the step copies them where they belong and disposes of them.
 */
export function trainingContext(
  param: (name: string) => tf.Tensor,
  options: TrainingContextOptions,
): { readonly ctx: ApplyContext; readonly statistics: Map<string, tf.Tensor> } {
  const statistics = new Map<string, tf.Tensor>();
  const ctx: ApplyContext = {
    param,
    training: true,
    isFrozen: (blockName) => options.frozenBlocks.has(blockName),
    setStatistic: (name, value) => {
      statistics.get(name)?.dispose();
      statistics.set(name, tf.keep(value));
    },
    dropoutSeed: options.dropoutSeed,
  };
  return { ctx, statistics };
}

/** Looks parameters up in a map. */
export function paramsIn(tensors: ReadonlyMap<string, tf.Tensor>): (name: string) => tf.Tensor {
  return (name) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`no parameter ${name}`);
    return tensor;
  };
}
