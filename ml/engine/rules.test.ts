import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import { eagerEngine } from './eager-engine.ts';
import type { Engine } from './index.ts';
import { hostRate, slotsOf } from './rules.ts';
import {
  goldenCases,
  movingMomentumCases,
  movingMomentumSpec,
  runGolden,
  runMovingMomentum,
  updateSpec,
} from '../../test/lib/golden-updates.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

describe('updates', () => {
  // TensorFlow's own update kernels (ResourceApply…), keras AdamW: test/golden/training/make_golden.py.
  it.each(goldenCases)('of $name are those of TensorFlow over 20 steps', async ({ config, values }) => {
    const before = tf.memory().numTensors;
    const own = await runGolden(eagerEngine(updateSpec(config, ['kernel'])), config, ['kernel']);
    for (const [step, wanted] of values.entries()) {
      for (const [index, value] of wanted.entries()) {
        expect(Math.abs(own[step]![0]![index]! - value)).toBeLessThan(1e-5);
      }
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(goldenCases)(
    'of $name are the same bits where the state is saved and loaded at every step',
    async ({ config }) => {
      const fresh = (): Engine => eagerEngine(updateSpec(config, ['kernel']));
      const reloaded = (engine: Engine): Promise<Engine> => {
        const next = fresh();
        next.write(engine.read(engine.shapes.keys()));
        engine.dispose();
        return Promise.resolve(next);
      };
      expect(await runGolden(fresh(), config, ['kernel'], reloaded)).toEqual(
        await runGolden(fresh(), config, ['kernel']),
      );
    },
  );

  it.each(movingMomentumCases)('of $name with another momentum each step are those of torch', ({ config, values }) => {
    const own = runMovingMomentum(eagerEngine(movingMomentumSpec(config)), config);
    for (const [step, wanted] of values.entries()) {
      for (const [index, value] of wanted.entries()) expect(Math.abs(own[step]![index]! - value)).toBeLessThan(1e-5);
    }
  });

  it('decay kernels, not biases', async () => {
    const config = OptimizerConfig.parse({ kind: 'adam', weightDecay: 0.1 });
    const plain = OptimizerConfig.parse({ kind: 'adam' });
    const names = ['kernel', 'bias'];
    const [kernel, bias] = (await runGolden(eagerEngine(updateSpec(config, names, ['kernel'])), config, names)).at(-1)!;
    const [undecayed] = (await runGolden(eagerEngine(updateSpec(plain, ['kernel'])), plain, ['kernel'])).at(-1)!;
    expect(bias).toEqual(undecayed);
    expect(kernel).not.toEqual(undecayed);
  });

  it('have these slots, so that a checkpoint holds all of them', () => {
    const slots = (config: object) => slotsOf(OptimizerConfig.parse(config));
    expect(slots({ kind: 'sgd' })).toEqual({});
    expect(slots({ kind: 'momentum' })).toEqual({ velocity: 0 });
    expect(slots({ kind: 'adam' })).toEqual({ m: 0, v: 0 });
    expect(slots({ kind: 'rmsprop' })).toEqual({ square: 0, velocity: 0 });
    expect(slots({ kind: 'rmsprop', initialSquare: 1 })).toEqual({ square: 1, velocity: 0 });
  });
});

describe('the rate of an update', () => {
  it('is the learning rate, but for Adam’s bias correction', () => {
    expect(hostRate({ kind: 'sgd' }, 0.1, 7)).toBe(0.1);
    const adam = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;
    // √.001/.1 at the first step; 1 in the end.
    expect(hostRate(adam, 1, 1)).toBeCloseTo(0.316228, 6);
    expect(hostRate(adam, 1, 1e6)).toBeCloseTo(1, 12);
  });
});
