import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { drift, normals, withPair } from '../../test/lib/engine-pairs.ts';
import { average, branches, conv, fork, validConv } from '../nn/branches.ts';
import { convBias } from '../nn/conv-bias.ts';
import type { ConvBnOptions, Layer } from '../nn/conv-bn.ts';
import { depthwiseSeparable } from '../nn/depthwise-separable.ts';
import { classificationHead } from '../nn/head.ts';
import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import type { ApplyContext, Block } from '../nn/module.ts';
import { maxPool } from '../nn/ops/max-pool.ts';
import type { Padding } from '../nn/ops/padding.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import { imageBatch } from '../trainer/images.ts';
import type { Program } from './spec.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-layers-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const RATE = 0.002;
const SEED = Int32Array.of(12, 34);

interface LayerCase {
  readonly block: Block;
  readonly input: readonly number[];
  readonly frozen?: boolean;
  readonly gray?: boolean;
}

/** Descends Σ w∘y of one block with fixed w: outputs, gradients to weights and input, and statistics all show. */
function blockProgram({ block, input, frozen = false, gray = false }: LayerCase, outShape: readonly number[]): Program {
  const weights = block.params.filter(({ kind }) => kind === 'weight').map(({ name }) => name);
  return {
    inputs: {
      x: { shape: input, dtype: gray ? 'uint8' : 'float32' },
      w: { shape: outShape, dtype: 'float32' },
      ...(block.name.endsWith('/dropout') ? { seed: { shape: [2], dtype: 'int32' } as const } : {}),
    },
    run({ x, w, seed }, state) {
      const byName = new Map<string, tf.Tensor>();
      let y: tf.Tensor | undefined;
      const loss = (from: tf.Tensor, ...values: tf.Tensor[]): tf.Scalar => {
        for (const [index, name] of weights.entries()) byName.set(name, values[index]!);
        const context: ApplyContext = {
          param: (name) => byName.get(name) ?? state.get(name),
          training: true,
          isFrozen: () => frozen,
          setStatistic: (name, value) => {
            state.set(name, value);
          },
          dropoutSeed: () => seed!,
        };
        const out = block.apply(gray ? imageBatch(from, minus1To1) : from, context);
        y = tf.keep(out.clone());
        return tf.sum(tf.mul(out, w!)).asScalar();
      };
      const values = weights.map((name) => state.get(name));
      const { value, grads } = tf.valueAndGrads(loss)([x!, ...values]);
      for (const [index, name] of weights.entries()) state.set(name, values[index]!.sub(grads[index + 1]!.mul(RATE)));
      const out = y!.clone();
      y!.dispose();
      const gradients = Object.fromEntries(weights.map((name, index) => [`gradient/${name}`, grads[index + 1]!]));
      return { y: out, loss: value, dx: grads[0]!, ...gradients };
    },
  };
}

function outputShape({ block, input, frozen = false, gray = false }: LayerCase): readonly number[] {
  return tf.tidy(() => {
    const context: ApplyContext = {
      param: (name) => tf.ones([...block.params.find((each) => each.name === name)!.shape]),
      training: true,
      isFrozen: () => frozen,
      setStatistic: () => undefined,
      dropoutSeed: () => tf.tensor1d([1, 2], 'int32'),
    };
    const x = tf.zeros([...input]);
    return block.apply(gray ? imageBatch(x, minus1To1) : x, context).shape;
  });
}

function startOf({ params }: Block): Map<string, Float32Array> {
  return new Map(
    params.map(({ name, shape }) => {
      const count = elementCount(shape);
      if (name.endsWith('variance')) return [name, normals(name, count, 0.2, 1).map(Math.abs)];
      return [name, normals(name, count, 0.4, name.endsWith('gamma') ? 1 : 0)];
    }),
  );
}

async function worstOf(each: LayerCase, steps = 20) {
  const [shape, count] = [outputShape(each), elementCount(each.input)];
  const state = new Map(each.block.params.map((spec) => [spec.name, spec.shape]));
  return withPair({ state, programs: { step: blockProgram(each, shape) } }, scratch, (pair) => {
    for (const engine of [pair.compiled, pair.eager]) engine.write(startOf(each.block));
    return drift(pair, steps, (step) => ({
      x: each.gray
        ? Uint8Array.from({ length: count }, (_, index) => (index * 37 + step) % 256)
        : normals(`x${step}`, count, 2),
      w: normals('w', elementCount(shape)),
      seed: Int32Array.of(SEED[0]! + step, SEED[1]!),
    }));
  });
}

const BATCH_NORM = { epsilon: 1e-3, momentum: 0.9 };
const convCase = (change: Partial<ConvBnOptions>, sides: readonly [number, number], frozen = false): LayerCase => {
  const inChannels = change.inChannels ?? 4;
  const own = {
    name: 'b',
    outChannels: change.depthwise ? inChannels : 6,
    kernelPx: 3,
    stride: 1,
    padding: 'same',
  } as const;
  const options = { ...own, activation: 'relu', batchNorm: BATCH_NORM, ...change, inChannels } as const;
  return { block: convBnBlock(options), input: [3, ...sides, inChannels], frozen };
};

const cases: [string, LayerCase][] = [];
for (const padding of ['same', 'symmetric'] as const) {
  for (const depthwise of [false, true]) {
    for (const stride of [1, 2]) {
      for (const sides of [
        [8, 8],
        [7, 9],
      ] as const) {
        for (const frozen of [false, true]) {
          const name = `${depthwise ? 'depthwise' : 'conv'} ${padding} /${stride} of ${sides.join('×')}${frozen ? ', frozen' : ''}`;
          cases.push([name, convCase({ padding, depthwise, stride }, sides, frozen)]);
        }
      }
    }
  }
}
for (const activation of ['relu', 'relu6', 'linear'] as const) {
  cases.push([`activation ${activation}`, convCase({ activation }, [6, 5])]);
  cases.push([`activation ${activation}, frozen`, convCase({ activation, depthwise: true }, [6, 5], true)]);
}
for (const activation of ['swish', 'hard-swish', 'sigmoid', 'hard-sigmoid'] as const) {
  for (const frozen of [false, true]) {
    cases.push([`activation ${activation}${frozen ? ', frozen' : ''}`, convCase({ activation }, [6, 5], frozen)]);
  }
}
for (const padding of ['valid', 'after'] as const) {
  for (const depthwise of [false, true]) {
    for (const frozen of [false, true]) {
      const name = `${depthwise ? 'depthwise' : 'conv'} ${padding} /2${frozen ? ', frozen' : ''}`;
      for (const sides of [[8, 7], [7, 8]] as const) cases.push([`${name} of ${sides.join('×')}`, convCase({ padding, depthwise, stride: 2 }, sides, frozen)]); // prettier-ignore
    }
  }
}
for (const kernelPx of [
  [1, 7],
  [3, 1],
] as const) {
  cases.push([`kernel ${kernelPx.join('×')}`, convCase({ kernelPx }, [7, 8])]);
}
for (const frozen of [false, true]) {
  const batchNorm = { ...BATCH_NORM, scale: false };
  cases.push([`BatchNorm without a scale${frozen ? ', frozen' : ''}`, convCase({ batchNorm }, [6, 5], frozen)]);
}
for (const kernelPx of [1, 5]) {
  cases.push([`kernel ${kernelPx}`, convCase({ kernelPx }, [7, 6])]);
  cases.push([`depthwise kernel ${kernelPx} /2`, convCase({ kernelPx, depthwise: true, stride: 2 }, [7, 6])]);
}
const shared = { name: 'r', inChannels: 4, kernelPx: 3, batchNorm: BATCH_NORM, activation: 'relu6' } as const;
const head = classificationHead({ channels: 4, classes: 5, dropout: 0.4 });
const biased = { name: 'c', inChannels: 4, outChannels: 5, kernelPx: 3, stride: 2, activation: 'relu' } as const;
const asBlock = ({ params, apply }: Layer): Block => ({
  ...{ name: 'c', params, layers: 1, outChannels: 5 },
  apply: (x, ctx) => apply(x, ctx, 'c'),
});
const pooled = (padding: Padding): Block => ({
  ...{ name: 'm', params: [], layers: 0, outChannels: 4 },
  apply: (x) => maxPool(x, { windowPx: 3, stride: 2, padding }),
});
const inception = branches({
  ...{ name: 'i', inChannels: 4, batchNorm: { ...BATCH_NORM, scale: false } },
  branches: [
    [average, conv(3, 1), { kind: 'max', stride: 2, padding: 'valid' }],
    [conv(3, [1, 7]), fork(validConv(2, 3, 2), { kind: 'max', stride: 2, padding: 'valid' })],
  ],
});
const gray = convBnBlock({
  ...{ name: 'g', inChannels: 3, outChannels: 4, kernelPx: 3, stride: 2 },
  ...{ padding: 'symmetric', activation: 'relu6', batchNorm: BATCH_NORM },
});
cases.push(
  [
    'residual add',
    {
      block: invertedResidual({ ...shared, outChannels: 4, hidden: 12, stride: 1, padding: 'same' }),
      input: [3, 6, 6, 4],
    },
  ],
  [
    'inverted residual without add',
    {
      block: invertedResidual({ ...shared, outChannels: 6, hidden: 8, stride: 2, padding: 'symmetric' }),
      input: [3, 7, 6, 4],
    },
  ],
  [
    'residual add, frozen',
    {
      block: invertedResidual({ ...shared, outChannels: 4, hidden: 4, stride: 1, padding: 'symmetric' }),
      input: [3, 6, 6, 4],
      frozen: true,
    },
  ],
  ...[false, true].map((frozen): [string, LayerCase] => [
    `squeeze and excite${frozen ? ', frozen' : ''}`,
    {
      block: invertedResidual({
        ...{ ...shared, outChannels: 4, hidden: 8, stride: 1, padding: 'same', activation: 'swish' },
        squeezeExcite: { squeezed: 2, activation: 'swish', gate: 'sigmoid' },
      }),
      input: [3, 6, 6, 4],
      frozen,
    },
  ]),
  [
    'depthwise separable',
    { block: depthwiseSeparable({ ...shared, outChannels: 6, stride: 2, padding: 'after' }), input: [3, 8, 7, 4] },
  ],
  ['convolution with a bias', { block: asBlock(convBias({ ...biased, padding: 'valid' })), input: [3, 7, 6, 4] }],
  ...[false, true].map((frozen): [string, LayerCase] => [
    `branches with pools and a fork${frozen ? ', frozen' : ''}`,
    { block: inception, input: [3, 9, 8, 4], frozen },
  ]),
  ...(['symmetric', 'ceil', 'same', 'valid'] as const).flatMap((padding) =>
    (
      [
        [8, 7],
        [7, 8],
      ] as const
    ).map((sides): [string, LayerCase] => [
      // prettier-ignore
      `max pooling, ${padding}, of ${sides.join('×')}`,
      { block: pooled(padding), input: [3, ...sides, 4] },
    ]),
  ),
  ['pooling', { block: head[0]!, input: [3, 5, 4, 4] }],
  ['dropout', { block: head[1]!, input: [8, 16] }],
  ['dense', { block: head[2]!, input: [8, 4] }],
  ['gray pictures', { block: gray, input: [3, 8, 8, 1], gray: true }],
);

describe('one layer, compiled and operation by operation, over 20 steps', () => {
  it.each(cases)('%s: output, gradients, weights and statistics within 1e-5', async (_, each) => {
    const worst = await worstOf(each);
    expect(worst.distance, `${worst.name} at step ${worst.step}`).toBeLessThan(1e-5);
  });
});
