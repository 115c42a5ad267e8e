import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { nativeBackend } from '../native/backend.ts';
import { compileEngine } from './compiled-engine.ts';
import type { Program, ProgramState } from './spec.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-recording-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const state = new Map([
  ['a', [4]],
  ['b', [4]],
]);
const inputs = { x: { shape: [4], dtype: 'float32' } } as const;
type Run = (x: tf.Tensor, state: ProgramState) => tf.Tensor;

const program = (run: Run): Program => ({ inputs, run: ({ x }, variables) => ({ y: run(x!, variables) }) });
const compiled = (run: Run) => compileEngine({ state, programs: { 'my-step': program(run) } }, scratch);

let turn = 0;
const outside = (): tf.Tensor => {
  const made = tf.tensor1d([1, 2, 3, 4]).add(1);
  held.push(made);
  return made;
};
const held: tf.Tensor[] = [];

const refused: [string, () => Run, RegExp][] = [
  [
    'a tensor from outside',
    () =>
      (
        (t) => (x) =>
          x.mul(t)
      )(outside()),
    /Mul \(operation 0\) takes a tensor from outside/,
  ],
  [
    'a tensor from outside that TensorFlow has not seen yet',
    () =>
      (
        (t) => (x) =>
          x.mul(t)
      )(held[held.push(tf.tensor1d([1, 2, 3, 4])) - 1]!),
    /Mul.* takes a tensor from outside/,
  ],
  [
    'a tensor from outside as the output',
    () =>
      (
        (t) => () =>
          t
      )(outside()),
    /output y takes a tensor from outside/,
  ],
  [
    'a tensor from outside as a new value',
    () => ((t) => (x, s) => (s.set('a', t), x))(outside()),
    /new a takes a tensor from outside/,
  ],
  ['a counter', () => (x) => x.add(++turn), /a constant that Add\w* takes is not the same/],
  ['Math.random', () => (x) => x.mul(Math.random()), /a constant that Mul takes is not the same/],
  ['a random tensor of tfjs', () => (x) => x.sub(tf.randomNormal([4])), /a constant that Sub takes is not the same/],
  [
    'another number of operations',
    () => (x) => (turn++ % 2 ? x.add(1) : x.add(1).square()),
    /1 operations .* 2|2 operations .* 1/,
  ],
  ['another operation', () => (x) => (turn++ % 2 ? x.sin() : x.cos()), /operation 0 \((Sin|Cos)\) is not the same/],
  ['another attribute', () => (x) => x.cumsum(0, turn++ % 2 === 0), /operation \d \(Cumsum\) is not the same/],
  [
    'another shape of the same constant',
    () => (x) => tf.mul(x.sum(), turn++ % 2 ? tf.ones([2, 3]) : tf.ones([3, 2])).sum(),
    /a constant that Mul takes is not the same/,
  ],
  [
    'another variable that is written',
    () => (x, s) => (s.set(turn++ % 2 ? 'a' : 'b', x.neg()), x),
    /what [ab] becomes is not the same/,
  ],
  [
    'another rule of update',
    () => (x, s) => {
      const rule = { kind: 'momentum', momentum: 0.5, nesterov: turn++ % 2 === 0 } as const;
      s.apply({ rule, variable: 'a', slots: { velocity: 'b' }, gradient: x, rate: x.sum().asScalar(), shrink: null });
      return x;
    },
    /what a becomes is not the same/,
  ],
  ['another guard', () => (x, s) => (turn++ % 2 ? s.guardFinite(x.sum()) : undefined, x), /guarded|operations/],
  [
    'another output of the same operations',
    () => (x) => ((y, z) => (turn++ % 2 ? y : z))(x.sin(), x.cos()),
    /output y is not the same/,
  ],
  ['reading values', () => (x) => x.mul(x.sum().dataSync()[0]!), /a program read the values of a tensor/],
  ['an unknown variable', () => (_, s) => s.get('weights'), /no variable weights/],
  ['writing an unknown variable', () => (x, s) => (s.set('weights', x), x), /no variable weights/],
  ['strings', () => (x) => (tf.tensor1d(['p', 'q']).equal(tf.tensor1d(['p', 'r'])), x), /tensors of strings/],
  ['writing a variable twice', () => (x, s) => (s.set('a', x), s.set('a', x.neg()), x), /a is written twice/],
  [
    'writing what has been averaged',
    () => (x, s) => (s.average('b', 'a', x.sum().asScalar()), s.set('a', x), x),
    /a is written .* after its average/,
  ],
  ['an operation that fails', () => (x) => tf.engine().runKernel('GraftRelu', { x: tf.cast(x, 'bool') }), /Relu|bool/],
];

describe('recording refuses', () => {
  it.each(refused)('%s, names it, leaves nothing behind and puts the binding back', async (_, make, message) => {
    const run = make();
    const { binding } = nativeBackend();
    const [native, tensors] = [nativeBackend().getNumOfTFTensors(), tf.memory().numTensors];
    const error: unknown = await compiled(run).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(/^ENGINE_RECORDING: program my-step — /);
    expect((error as Error).message).toMatch(message);
    expect(nativeBackend().binding).toBe(binding);
    expect(tf.memory().numTensors).toBe(tensors);
    // A captured tensor that tfjs had not handed over yet has been by now: it is its owner's.
    tf.dispose(held.splice(0));
    expect(nativeBackend().getNumOfTFTensors()).toBeLessThanOrEqual(native);
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('a recording', () => {
  const everything: Run = (x, s) => {
    const positive = tf.tidy(() => tf.greater(s.get('a'), 0).reshape([2, 2]).logicalNot().toFloat().sum());
    const again = tf.tidy(() => s.get('a').add(s.get('b')));
    s.set('a', again.mul(2));
    return tf.topk(x, 2).values.sum().add(positive);
  };

  it('computes nothing, leaves no tensor and no file, and lends the binding for its time only', async () => {
    const { binding } = nativeBackend();
    const [native, tensors] = [nativeBackend().getNumOfTFTensors(), tf.memory().numTensors];
    const engine = await compiled(everything);
    expect(nativeBackend().binding).toBe(binding);
    expect(nativeBackend().getNumOfTFTensors()).toBe(native);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(readdirSync(scratch)).toEqual([]);
    engine.dispose();
  });

  it('may ask for a variable in one tidy and again in another, and for truth values in another shape', async () => {
    const engine = await compiled(everything);
    engine.write(
      new Map([
        ['a', Float32Array.of(1, -1, 2, 0)],
        ['b', Float32Array.of(1, 1, 1, 1)],
      ]),
    );
    const { values } = engine.run('my-step', { x: Float32Array.of(1, 5, 3, 2) }).get('y')!;
    expect([...values]).toEqual([5 + 3 + 2]);
    expect([...engine.read(['a']).get('a')!]).toEqual([4, 0, 6, 2]);
    engine.dispose();
  });
});
