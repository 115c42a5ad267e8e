import { stream } from '../../core/rng.ts';
import type { RandomStream, Words } from '../../core/rng.ts';
import { unreachable } from '../../core/errors.ts';
import { elementCount } from '../../core/checkpoint/tensor-data.ts';
import type { Initializer, ParamSpec } from './module.ts';

const WORD = 0x1_0000_0000;

/** He et al. 1502.01852 eq. 10, fan-out mode as in torchvision: normal with σ = √(2 / (height · width · out)). */
export function heFanOut(heightPx: number, widthPx: number, outChannels: number): Initializer {
  return { kind: 'normal', standardDeviation: Math.sqrt(2 / (heightPx * widthPx * outChannels)) };
}

/** Glorot and Bengio 2010 eq. 16: uniform within ±√(6 / (in + out)). */
export function glorotUniform(inFeatures: number, outFeatures: number): Initializer {
  return { kind: 'uniform', limit: Math.sqrt(6 / (inFeatures + outFeatures)) };
}

export interface VarianceScaling {
  readonly factor: number;
  readonly mode: 'fan-in' | 'fan-out' | 'fan-average';
  readonly uniform: boolean;
}

/**
 * TensorFlow 1’s variance_scaling_initializer (tf.contrib.layers `initializers.py`): with n of `mode`, uniform within
 * ±√(3·factor/n), or normal with σ = √(1.3·factor/n), cut at two of them (1.3 makes up for the cut).
 */
export function varianceScaling(
  { factor, mode, uniform }: VarianceScaling,
  fanIn: number,
  fanOut: number,
): Initializer {
  const n = { 'fan-in': fanIn, 'fan-out': fanOut, 'fan-average': (fanIn + fanOut) / 2 }[mode];
  if (uniform) return { kind: 'uniform', limit: Math.sqrt((3 * factor) / n) };
  return { kind: 'truncated-normal', standardDeviation: Math.sqrt((1.3 * factor) / n) };
}

export const zeros: Initializer = { kind: 'constant', value: 0 };
export const ones: Initializer = { kind: 'constant', value: 1 };

/**
 * Starting values by name. Addressed: element i of a parameter is a function of (seed, name, i), so adding or removing
 * another parameter changes nothing. `seed` is whole, 0 ≤ seed < 2^53.
 */
export function initialize(params: readonly ParamSpec[], seed: number): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const spec of params) {
    if (values.has(spec.name)) throw new Error(`two parameters are named ${spec.name}`);
    values.set(spec.name, draw(spec, stream(seed, `init/${spec.name}`)));
  }
  return values;
}

function draw({ shape, init }: ParamSpec, random: RandomStream): Float32Array {
  const values = new Float32Array(elementCount(shape));
  switch (init.kind) {
    case 'constant':
      return values.fill(init.value);
    case 'uniform':
      fillByWords(values, random, (word) => (2 * (word / WORD) - 1) * init.limit);
      return values;
    case 'normal':
      fillByPairs(values, random, (a, b) => normals(a, b, init.standardDeviation));
      return values;
    case 'truncated-normal':
      for (let i = 0; i < values.length; i++) values[i] = truncatedNormal(random, i) * init.standardDeviation;
      return values;
    default:
      return unreachable(init);
  }
}

/** One value a word; a Philox block serves four values. */
function fillByWords(values: Float32Array, random: RandomStream, map: (word: number) => number): void {
  for (let i = 0; i < values.length; i += 4) {
    const words: Words = random.words(0, i / 4);
    for (const [lane, word] of words.entries()) if (i + lane < values.length) values[i + lane] = map(word);
  }
}

/** Two values from each pair of words. */
function fillByPairs(
  values: Float32Array,
  random: RandomStream,
  map: (a: number, b: number) => readonly [number, number],
): void {
  for (let i = 0; i < values.length; i += 4) {
    const [a, b, c, d] = random.words(0, i / 4);
    const four = [...map(a, b), ...map(c, d)];
    values.set(four.slice(0, values.length - i), i);
  }
}

/** Box–Muller: two standard normals of two words, scaled. */
function normals(a: number, b: number, standardDeviation: number): readonly [number, number] {
  const radius = standardDeviation * Math.sqrt(-2 * Math.log((a + 1) / (WORD + 1)));
  const angle = (2 * Math.PI * b) / WORD;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** Redrawn under the next block number until it lies within two standard deviations (95 % do at once). */
function truncatedNormal(random: RandomStream, index: number): number {
  for (let block = 0; block < 64; block++) {
    const value = random.normal(0, index, block);
    if (Math.abs(value) <= 2) return value;
  }
  return 0;
}
