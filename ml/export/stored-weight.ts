import { float32ToHalf, halfToFloat32 } from '../../core/checkpoint/half.ts';
import { channelAxes } from './inference-graph.ts';
import type { GraphWeight, InferenceGraph } from './inference-graph.ts';

/** How the weights of an export are stored; computing goes on in float32 wherever they are loaded. */
export type Precision = 'float32' | 'float16' | 'int8';

/**
 * A weight as an export keeps it. `int8`: value = q · scale of its channel, q in −127…127, no zero point.
 * `affine`: value = q · scale + minimum for the whole weight, q in 0…255, as tfjs has it.
 */
export type StoredWeight = Pick<GraphWeight, 'name' | 'shape'> &
  (
    | { readonly kind: 'float32'; readonly values: Float32Array }
    | { readonly kind: 'float16'; readonly bits: Uint16Array }
    | { readonly kind: 'int8'; readonly values: Int8Array; readonly scales: Float32Array; readonly axis: number }
    | { readonly kind: 'affine'; readonly values: Uint8Array; readonly scale: number; readonly minimum: number }
  );

/** Which way of writing whole numbers a format knows. */
export type IntegerScheme = 'per-channel' | 'affine';

/**
 * Weights in `precision`. Whole numbers are for those with a channel axis, kernels: a bias or a normalization is small,
 * and an error in it reaches every pixel.
 */
export function storeWeights(
  weights: Iterable<GraphWeight>,
  axes: ReadonlyMap<string, number>,
  precision: Precision,
  scheme: IntegerScheme,
): StoredWeight[] {
  return Array.from(weights, (weight): StoredWeight => {
    const axis = axes.get(weight.name);
    if (weight.fixed) return { ...weight, kind: 'float32' };
    if (precision === 'float16') return { ...named(weight), kind: 'float16', bits: float32ToHalf(weight.values) };
    if (precision === 'float32' || axis === undefined) return { ...weight, kind: 'float32' };
    return scheme === 'affine' ? quantizeAffine(weight) : quantizePerChannel(weight, axis);
  });
}

/** The same for all weights of a graph. */
export function storeGraph(graph: InferenceGraph, precision: Precision, scheme: IntegerScheme): StoredWeight[] {
  return storeWeights(graph.weights.values(), channelAxes(graph), precision, scheme);
}

/** What the values are again after loading. */
export function dequantized(stored: StoredWeight): Float32Array {
  switch (stored.kind) {
    case 'float32':
      return stored.values;
    case 'float16':
      return halfToFloat32(stored.bits);
    case 'int8': {
      const channelOf = channelIndex(stored.shape, stored.axis);
      return Float32Array.from(stored.values, (q, index) => q * (stored.scales[channelOf(index)] ?? 0));
    }
    case 'affine':
      return Float32Array.from(stored.values, (q) => q * stored.scale + stored.minimum);
  }
}

/** The graph with its weights as they come back from storage: what an export computes with. */
export function withStored(graph: InferenceGraph, stored: readonly StoredWeight[]): InferenceGraph {
  const weights = stored.map((each): [string, GraphWeight] => [
    each.name,
    { ...named(each), values: dequantized(each) },
  ]);
  return { ...graph, weights: new Map(weights) };
}

/** Symmetric, one scale a channel: max |w| / 127 (Krishnamoorthi 1806.08342 §2.2, §3.1.2). A channel of noughts has scale 1. */
export function quantizePerChannel(weight: GraphWeight, axis: number): Extract<StoredWeight, { kind: 'int8' }> {
  const channelOf = channelIndex(weight.shape, axis);
  const largest = new Float32Array(weight.shape[axis] ?? 1);
  weight.values.forEach((value, index) => {
    largest[channelOf(index)] = Math.max(largest[channelOf(index)] ?? 0, Math.abs(value));
  });
  const scales = largest.map((size) => (size === 0 ? 1 : size / 127));
  const values = Int8Array.from(weight.values, (value, index) => {
    const q = Math.round(value / (scales[channelOf(index)] ?? 1));
    return Math.max(-127, Math.min(127, q));
  });
  return { ...named(weight), kind: 'int8', values, scales, axis };
}

/**
 * tfjs' scheme (tfjs-converter, python/tensorflowjs/quantization.py): 0 is always met exactly, so the minimum is moved to
 * a whole number of steps; all values equal have scale 1.
 */
export function quantizeAffine(weight: GraphWeight): Extract<StoredWeight, { kind: 'affine' }> {
  let [low, high] = [0, 0];
  for (const value of weight.values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const scale = low === high ? 1 : (high - low) / 255;
  const zeroPoint = Math.round(-low / scale);
  const minimum = -zeroPoint * scale;
  const values = Uint8Array.from(weight.values, (value) =>
    Math.max(0, Math.min(255, Math.round((value - minimum) / scale))),
  );
  return { ...named(weight), kind: 'affine', values, scale, minimum };
}

const named = ({ name, shape }: Pick<GraphWeight, 'name' | 'shape'>): Pick<GraphWeight, 'name' | 'shape'> => ({
  name,
  shape,
});

/** Index of a value → index of its channel. */
function channelIndex(shape: readonly number[], axis: number): (index: number) => number {
  const channels = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  return (index) => Math.floor(index / inner) % channels;
}
