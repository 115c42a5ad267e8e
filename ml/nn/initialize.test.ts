import { describe, expect, it } from 'vitest';
import { glorotUniform, heFanOut, initialize, ones, varianceScaling } from './initialize.ts';
import type { Initializer, ParamSpec } from './module.ts';

const spec = (name: string, shape: number[], init: Initializer): ParamSpec => ({
  ...{ name, shape, init },
  ...{ kind: 'weight', decay: true },
});

function moments(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

describe('initialize', () => {
  it('is a function of seed, name and index alone', () => {
    const a = spec('a', [30], heFanOut(3, 3, 8));
    const b = spec('b', [30], heFanOut(3, 3, 8));
    const alone = initialize([a], 1).get('a');
    expect(initialize([b, a], 1).get('a')).toEqual(alone);
    expect(initialize([spec('a', [7], a.init)], 1).get('a')).toEqual(alone?.slice(0, 7));
    expect(initialize([a, b], 1).get('b')).not.toEqual(alone);
    expect(initialize([a], 2).get('a')).not.toEqual(alone);
  });

  it('stays what it was: a change would break exact resume', () => {
    const init: Initializer = { kind: 'normal', standardDeviation: 1 };
    const values = initialize([spec('a', [5], init), spec('u', [2], { kind: 'uniform', limit: 1 })], 7);
    expect([...(values.get('a') ?? [])].map((value) => value.toFixed(6))).toMatchInlineSnapshot(`
      [
        "-1.274487",
        "-0.871596",
        "-1.447950",
        "0.041354",
        "-0.708135",
      ]
    `);
    expect([...(values.get('u') ?? [])].map((value) => value.toFixed(6))).toMatchInlineSnapshot(`
      [
        "-0.495226",
        "0.089513",
      ]
    `);
  });

  it('draws the distributions it names', () => {
    const count = 40_003;
    const values = initialize(
      [
        spec('n', [count], { kind: 'normal', standardDeviation: 0.2 }),
        spec('t', [count], { kind: 'truncated-normal', standardDeviation: 0.2 }),
        spec('u', [count], { kind: 'uniform', limit: 0.2 }),
        spec('c', [3], ones),
      ],
      3,
    );
    const normal = moments(values.get('n')!);
    expect(Math.abs(normal.mean)).toBeLessThan(0.005);
    expect(normal.deviation).toBeCloseTo(0.2, 2);
    const truncated = values.get('t')!;
    expect(truncated.every((value) => Math.abs(value) <= 0.4 + 1e-6)).toBe(true);
    // Variance of a normal cut at ±2σ: 1 − 4φ(2)/(2Φ(2) − 1) = .7737 of the whole.
    expect(moments(truncated).deviation).toBeCloseTo(0.2 * Math.sqrt(0.7737), 2);
    const uniform = values.get('u')!;
    expect(uniform.every((value) => value >= -0.2 && value < 0.2)).toBe(true);
    expect(moments(uniform).deviation).toBeCloseTo(0.2 / Math.sqrt(3), 2);
    expect([...values.get('c')!]).toEqual([1, 1, 1]);
  });

  it('scales by fan', () => {
    expect(heFanOut(3, 3, 32)).toEqual({ kind: 'normal', standardDeviation: Math.sqrt(2 / 288) });
    expect(glorotUniform(10, 20)).toEqual({ kind: 'uniform', limit: Math.sqrt(0.2) });
  });

  it('refuses two parameters of one name', () => {
    expect(() => initialize([spec('a', [1], ones), spec('a', [1], ones)], 1)).toThrow('two parameters are named a');
  });

  it('scales variance by the published formulas', () => {
    const scaled = (mode: 'fan-in' | 'fan-out' | 'fan-average', uniform: boolean, factor = 1): Initializer =>
      varianceScaling({ factor, mode, uniform }, 300, 100);
    // Faster R-CNN’s dense layers: factor 1, uniform, FAN_AVG, which is Glorot’s.
    expect(scaled('fan-average', true)).toEqual(glorotUniform(300, 100));
    expect(scaled('fan-in', true)).toEqual({ kind: 'uniform', limit: 0.1 });
    expect(scaled('fan-out', false, 2)).toEqual({ kind: 'truncated-normal', standardDeviation: Math.sqrt(0.026) });
    const values = initialize([spec('v', [40_003], scaled('fan-in', false, 3))], 3).get('v')!;
    // Cut at two σ a normal keeps .774 of its variance, and 1.3 · .774 is 1: the variance is factor/n.
    expect(moments(values).deviation).toBeCloseTo(Math.sqrt(3 / 300), 2);
  });
});
