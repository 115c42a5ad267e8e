import * as tf from '@tensorflow/tfjs';
import type { Program, ProgramState } from '../../ml/engine/index.ts';
import { slotsOf, updateEagerly } from '../../ml/engine/rules.ts';
import type { Block } from '../../ml/nn/module.ts';
import { activate } from '../../ml/nn/ops/activation.ts';
import { fusedBatchNorm, plainBatchNorm } from '../../ml/nn/ops/batch-norm.ts';
import { conv } from '../../ml/nn/ops/conv.ts';
import { imageBatch } from '../../ml/trainer/images.ts';
import type { Model } from '../../ml/trainer/model.ts';
import { variable } from '../../ml/trainer/programs.ts';
import type { RowSpec, StepOptions } from '../../ml/trainer/programs.ts';

/** What is put together from small operations of tfjs instead of TensorFlow's own kernel. */
export interface Decomposed {
  readonly batchNorm: boolean;
  readonly update: boolean;
}

/**
 * A step of MobileNetV2 with all layers learning and no dropout, as `stepProgram` makes it, but from small operations:
 * the kind of graph that a recorder makes of ordinary tfjs code.
 */
export function decomposedStep(
  model: Model,
  rows: RowSpec,
  batch: number,
  { optimizer }: StepOptions,
  plain: Decomposed,
): Program {
  const rule = optimizer;
  const scalar = { shape: [], dtype: 'float32' } as const;
  return {
    inputs: {
      x: { shape: [batch, ...rows.shape], dtype: 'uint8' },
      ...{ labels: { shape: [batch], dtype: 'int32' }, rate: scalar },
    },
    run({ x, labels, rate }, state) {
      const names = model.trainable.map(({ name }) => name);
      const forward = (...values: tf.Tensor[]): tf.Scalar => {
        const byName = new Map(names.map((name, index) => [name, values[index]!]));
        const logits = network(model, imageBatch(x!, model.backbone.preprocessing), byName, state, plain.batchNorm);
        const oneHot = tf.oneHot(labels!, logits.shape[1]!).toFloat();
        return oneHot.mul(tf.logSoftmax(logits)).sum(1).mean().neg().asScalar();
      };
      const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => state.get(variable.parameter(name))));
      for (const [index, name] of names.entries()) {
        const slots = Object.fromEntries(Object.keys(slotsOf(rule)).map((slot) => [slot, variable.slot(slot, name)]));
        const gradient = grads[index]!;
        if (!plain.update) {
          state.apply({ rule, variable: variable.parameter(name), slots, gradient, rate: rate!, shrink: null });
          continue;
        }
        const before = state.get(variable.parameter(name));
        const slot = (key: string): tf.Tensor => state.get(slots[key]!);
        const after = updateEagerly(rule, { value: before, gradient, rate: rate!, slot });
        state.set(variable.parameter(name), after.value);
        for (const [key, tensor] of Object.entries(after.slots)) state.set(slots[key]!, tensor);
      }
      return { figures: value.reshape([1]) };
    },
  };
}

function network(
  model: Model,
  pixels: tf.Tensor,
  weights: ReadonlyMap<string, tf.Tensor>,
  state: ProgramState,
  plainNorm: boolean,
): tf.Tensor {
  const strides = model.backbone.cutPoints.map(
    ({ stridePx }, index, all) => stridePx / (all[index - 1]?.stridePx ?? 1),
  );
  let value = pixels;
  for (const [index, block] of model.blocks.slice(0, model.backbone.blocks.length).entries()) {
    const input = value;
    for (const layer of layersOf(block)) {
      const kernel = weights.get(`${layer}/kernel`)!;
      const depthwise = layer.endsWith('/depthwise');
      const stride = depthwise || index === 0 ? strides[index]! : 1;
      const z = conv(value, kernel, { stride, padding: 'symmetric', depthwise });
      const statistic = (name: string): string => variable.parameter(`${layer}/bn/${name}`);
      const parts = {
        gamma: weights.get(`${layer}/bn/gamma`)!,
        beta: weights.get(`${layer}/bn/beta`)!,
        movingMean: state.get(statistic('moving_mean')),
        movingVariance: state.get(statistic('moving_variance')),
      };
      const normalized = (plainNorm ? plainBatchNorm : fusedBatchNorm)(z, parts, 1e-5, 0.9);
      state.set(statistic('moving_mean'), normalized.movingMean);
      state.set(statistic('moving_variance'), normalized.movingVariance);
      value = activate(normalized.y, layer.endsWith('/project') ? 'linear' : 'relu6');
    }
    if (index > 0 && block.layers > 1 && input.shape.join() === value.shape.join()) value = tf.add(value, input);
  }
  const pooled = tf.mean(value, [1, 2]);
  return tf.add(tf.matMul(pooled, weights.get('head/logits/kernel')!), weights.get('head/logits/bias')!);
}

const layersOf = (block: Block): string[] =>
  block.params.filter(({ name }) => name.endsWith('/kernel')).map(({ name }) => name.replace(/\/kernel$/, ''));
