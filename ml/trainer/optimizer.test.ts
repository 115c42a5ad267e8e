import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import losses from '../../test/golden/training/losses.json' with { type: 'json' };
import golden from '../../test/golden/training/optimizers.json' with { type: 'json' };
import type { ParamSpec } from '../nn/module.ts';
import { clipByGlobalNorm, createOptimizer } from './optimizer.ts';
import { TensorStore } from './parameters.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

const spec = (name: string, decay = true): ParamSpec => ({
  name,
  shape: [golden.start.length],
  init: { kind: 'constant', value: 0 },
  kind: 'weight',
  decay,
});

/** Values after each of the golden steps; `between` may take the stores apart and put them together again. */
function run(config: OptimizerConfig, specs: readonly ParamSpec[], between?: (parts: TensorStore[]) => TensorStore[]) {
  let parameters = new TensorStore();
  let slots = new TensorStore();
  for (const { name } of specs) parameters.load(name, Float32Array.from(golden.start), [4]);
  let optimizer = createOptimizer(config, specs, parameters, slots);
  const values: number[][][] = [];
  for (const [step, gradient] of golden.gradients.entries()) {
    const gradients = new Map(specs.map(({ name }) => [name, tf.tensor1d(gradient)]));
    optimizer.apply(gradients, golden.rates[step]!, step + 1);
    tf.dispose([...gradients.values()]);
    values.push(specs.map(({ name }) => Array.from(parameters.get(name).dataSync())));
    if (between) {
      [parameters, slots] = between([parameters, slots]) as [TensorStore, TensorStore];
      optimizer = createOptimizer(config, specs, parameters, slots);
    }
  }
  parameters.dispose();
  slots.dispose();
  return values;
}

/** As a checkpoint does it: values copied out, new tensors made of them. */
function reloaded(stores: TensorStore[]): TensorStore[] {
  return stores.map((store) => {
    const fresh = new TensorStore();
    for (const [name, { data, shape }] of store.read()) {
      fresh.load(name, new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4), shape);
    }
    store.dispose();
    return fresh;
  });
}

describe('updates', () => {
  const cases = golden.cases.map((each) => {
    const config = OptimizerConfig.parse(each.config);
    return [JSON.stringify(each.config), config, each.values] as const;
  });

  // TensorFlow's own update kernels (ResourceApply…), keras AdamW: test/golden/training/make_golden.py.
  it.each(cases)('of %s are those of TensorFlow over 20 steps', (_, config, expected) => {
    const before = tf.memory().numTensors;
    const own = run(config, [spec('kernel')]);
    for (const [step, values] of expected.entries()) {
      for (const [index, value] of values.entries()) {
        expect(Math.abs(own[step]![0]![index]! - value)).toBeLessThan(1e-5);
      }
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(cases)('of %s are the same bits where the state is saved and loaded at every step', (_, config) => {
    expect(run(config, [spec('kernel')], reloaded)).toEqual(run(config, [spec('kernel')]));
  });

  it('decay kernels, not biases', () => {
    const config = OptimizerConfig.parse({ kind: 'adam', weightDecay: 0.1 });
    const plain = OptimizerConfig.parse({ kind: 'adam' });
    const [kernel, bias] = run(config, [spec('kernel'), spec('bias', false)]).at(-1)!;
    const [undecayed] = run(plain, [spec('kernel')]).at(-1)!;
    expect(bias).toEqual(undecayed);
    expect(kernel).not.toEqual(undecayed);
  });

  it('name their slots, so that a checkpoint holds all of them', () => {
    const names = (kind: string): readonly string[] => {
      const [parameters, slots] = [new TensorStore(), new TensorStore()];
      const optimizer = createOptimizer(OptimizerConfig.parse({ kind }), [spec('k')], parameters, slots);
      expect(slots.names()).toEqual(optimizer.slotNames);
      slots.dispose();
      return optimizer.slotNames;
    };
    expect(names('sgd')).toEqual([]);
    expect(names('momentum')).toEqual(['velocity/k']);
    expect(names('adam')).toEqual(['m/k', 'v/k']);
    expect(names('rmsprop')).toEqual(['square/k', 'velocity/k']);
  });

  it('want a gradient for every parameter', () => {
    const parameters = new TensorStore();
    parameters.load('k', new Float32Array(4), [4]);
    const optimizer = createOptimizer(
      OptimizerConfig.parse({ kind: 'sgd' }),
      [spec('k')],
      parameters,
      new TensorStore(),
    );
    expect(() => optimizer.apply(new Map(), 0.1, 1)).toThrow('no gradient for k');
    parameters.dispose();
  });
});

describe('clipping', () => {
  // tf.clip_by_global_norm on the same gradients.
  it.each(losses.clips.map((each) => [each.limit, each] as const))(
    'to a global norm of %f is TensorFlow’s',
    (limit, each) => {
      const before = tf.memory().numTensors;
      const gradients = new Map(losses.gradients.map((values, index) => [`g${index}`, tf.tensor1d(values)] as const));
      const clipped = clipByGlobalNorm(new Map(gradients), limit);
      for (const [index, values] of each.clipped.entries()) {
        const own = clipped.get(`g${index}`)!.dataSync();
        for (const [at, value] of values.entries()) expect(Math.abs(own[at]! - value)).toBeLessThan(1e-6);
      }
      tf.dispose([...clipped.values()]);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('of gradients that are all zero leaves them zero', () => {
    const clipped = clipByGlobalNorm(new Map([['g', tf.zeros([3])]]), 1);
    expect([...clipped.get('g')!.dataSync()]).toEqual([0, 0, 0]);
    tf.dispose([...clipped.values()]);
  });
});
