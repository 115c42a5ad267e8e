import type { Engine, EngineSpec, InputValues, Output } from '../../ml/engine/index.ts';
import { compileEngine } from '../../ml/engine/compiled-engine.ts';
import { eagerEngine } from '../../ml/engine/eager-engine.ts';
import { stream } from '../../core/rng.ts';

/** The compiled engine and its oracle, over the same programs. */
export interface Pair {
  readonly compiled: Engine;
  readonly eager: Engine;
}

export async function withPair<T>(spec: EngineSpec, scratch: string, use: (pair: Pair) => T | Promise<T>): Promise<T> {
  const eager = eagerEngine(spec);
  const compiled = await compileEngine(spec, scratch);
  try {
    return await use({ compiled, eager });
  } finally {
    compiled.dispose();
    eager.dispose();
  }
}

/** max |a − b| / max(1, max |b|): the largest difference of a tensor, relative to its largest value where that is above 1. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [largest, scale] = [0, 1];
  for (let index = 0; index < a.length; index++) {
    const [left = Number.NaN, right = Number.NaN] = [a[index], b[index]];
    const gap = Object.is(left, right) ? 0 : Math.abs(left - right);
    // NaN in one alone is as far away as can be.
    largest = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(largest, gap);
    scale = Math.max(scale, Math.abs(right));
  }
  return largest / scale;
}

/** The tensor of `a` that is farthest from its namesake in `b`. */
export function farthest(
  a: ReadonlyMap<string, ArrayLike<number>>,
  b: ReadonlyMap<string, ArrayLike<number>>,
): { readonly name: string; readonly distance: number } {
  let worst = { name: '', distance: 0 };
  for (const [name, values] of b) {
    const each = distance(a.get(name) ?? [], values);
    if (!(each <= worst.distance)) worst = { name, distance: each };
  }
  return worst;
}

export const valuesOf = (outputs: ReadonlyMap<string, Output>): Map<string, Float32Array> =>
  new Map([...outputs].map(([name, { values }]) => [name, values]));

export const allOf = (engine: Engine): ReadonlyMap<string, Float32Array> => engine.read(engine.shapes.keys());

/** Normal values at (name, index). */
export function normals(name: string, count: number, scale = 1, shift = 0): Float32Array {
  const random = stream(11, name);
  return Float32Array.from({ length: count }, (_, index) => random.normal(0, index) * scale + shift);
}

/** Runs both for `steps` steps and gives the largest distance of any output or variable after any of them. */
export function drift({ compiled, eager }: Pair, steps: number, inputsAt: (step: number) => InputValues) {
  let worst = { name: '', distance: 0, step: -1 };
  for (let step = 0; step < steps; step++) {
    const inputs = inputsAt(step);
    const outputs = [compiled, eager].map((engine) => valuesOf(engine.run('step', inputs)));
    const [seen, wanted] = [compiled, eager].map((engine, index) => new Map([...outputs[index]!, ...allOf(engine)]));
    const found = farthest(seen!, wanted!);
    if (!(found.distance <= worst.distance)) worst = { ...found, step };
  }
  return worst;
}
