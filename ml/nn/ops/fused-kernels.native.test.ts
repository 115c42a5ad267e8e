import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { settings } from '../../../infra/config.ts';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { distance, normalValues } from '../testing/compare.ts';
import { runNative, runNativeOne } from './native.ts';
import type { Padding } from './padding.ts';
import { edgesAround } from './padding.ts';

// A fused operation (infra/native/kernels/pointwise-parts.cc, winograd-parts.cc, depthwise-parts.cc) gives what those that it stands for give
// one after the other; that these are right is shown in own-kernels.native.test.ts and split-batch.native.test.ts.

beforeAll(async () => {
  const { kernels } = await loadTensorFlow({ settings: { ...settings(), kernels: 'own' } });
  expect(kernels).not.toBeNull();
});

const values = (name: string, shape: number[], scale?: number, shift?: number): tf.Tensor =>
  normalValues(7, name, shape, scale, shift);

/** gamma, beta, mean and 1/√(variance + ε) of a BatchNorm; gradients through it take offset and slope too. */
function vectors(name: string, channels: number): tf.Tensor[] {
  const some = (of: string, scale: number, shift: number): tf.Tensor =>
    values(`${name} ${of}`, [channels], scale, shift);
  return [some('gamma', 0.3, 1), some('beta', 0.5, 0.5), some('mean', 0.3, 0), tf.abs(some('inverse', 0.2, 1))];
}
const taken = (channels: number): tf.Tensor[] => [values('offset', [channels], 0.1), values('slope', [channels], 0.1)];

function run(
  name: string,
  inputs: readonly tf.Tensor[],
  ints: Readonly<Record<string, number>>,
  outputs: number,
): tf.Tensor[] {
  const isPart = name.startsWith('GraftBatchNorm');
  const floats = isPart ? { epsilon: 1e-3, factor: 0.1 } : {};
  return runNative(
    name,
    inputs,
    { ints: { ...ints, ...(isPart ? { rows: 1 } : {}) }, floats, floatTypes: [] },
    outputs,
  );
}
const one = (name: string, inputs: readonly tf.Tensor[], ints: Readonly<Record<string, number>>): tf.Tensor =>
  run(name, inputs, ints, 1)[0]!;

/** The outputs of the separate operations, forth and back, for a convolution of this kind between two BatchNorms. */
type Kind = 'Pointwise' | 'Depthwise' | 'Winograd';
function separately(kind: Kind, layer: Layer): { forward: tf.Tensor[]; backward: tf.Tensor[] } {
  const { x, kernel, before, behind, dy, window, activations, sides } = layer;
  const normalized = one('GraftBatchNormPart', [x, ...before], { activation: activations.before });
  const y = one(`Graft${kind}`, [normalized, kernel, ...sides], window);
  const moments = run('GraftBatchNormMoments', [y], { activation: 0 }, 2);
  const own = { activation: activations.behind };
  const dz = one('GraftBatchNormGradPart', [dy, y, ...behind, ...taken(y.shape.at(-1) ?? 0)], own);
  const dx = one(`Graft${kind}InputGrad`, [dz, kernel, normalized], window);
  const dKernel = one(`Graft${kind}KernelGrad`, [normalized, dz, kernel], window);
  const sums = run('GraftBatchNormGradSums', [dx, x, ...before], { activation: activations.before }, 2);
  return { forward: [y, ...moments], backward: [dx, dKernel, ...sums] };
}

interface Layer {
  readonly x: tf.Tensor;
  readonly kernel: tf.Tensor;
  readonly before: tf.Tensor[];
  readonly behind: tf.Tensor[];
  readonly dy: tf.Tensor;
  readonly window: Readonly<Record<string, number>>;
  readonly activations: { readonly before: number; readonly behind: number };
  /** The height and width that come out, as a depthwise convolution is told them. */
  readonly sides: tf.Tensor[];
}

function expectSame(seen: readonly tf.Tensor[], wanted: readonly tf.Tensor[]): void {
  expect(seen.length).toBe(wanted.length);
  for (const [index, tensor] of seen.entries()) {
    expect(tensor.shape).toEqual(wanted[index]!.shape);
    expect(distance(tensor, wanted[index]!)).toBeLessThan(1e-5);
  }
}

function expectFused(kind: Kind, layer: Layer): void {
  const { x, kernel, before, behind, dy, sides, activations } = layer;
  const window = kind === 'Depthwise' ? layer.window : {};
  const { forward, backward } = separately(kind, layer);
  const ints = { ...window, before: activations.before };
  expectSame(run(`GraftNorm${kind}Moments`, [x, ...before, kernel, ...sides], ints, 3), forward);
  const inputs = [dy, forward[0]!, ...behind, ...taken(dy.shape.at(-1) ?? 0), x, kernel, ...before];
  const all = { ...ints, activation: activations.behind };
  expectSame(run(`GraftNorm${kind}NormGrad`, inputs, all, 4), backward);
}

describe('convolution of one pixel between two BatchNorms', () => {
  const cases: [sidePx: number, inner: number, channels: number][] = [
    [5, 3, 7],
    [16, 24, 96],
    [24, 33, 20],
    [3, 200, 48],
  ];
  it.each(cases)('side %i, %i channels to %i: as the operations it stands for', (sidePx, inner, channels) => {
    for (const activations of [
      { before: 2, behind: 0 },
      { before: 1, behind: 2 },
      { before: 0, behind: 1 },
    ]) {
      expectFused('Pointwise', {
        x: values('x', [3, sidePx, sidePx + 1, inner]),
        kernel: values('k', [1, 1, inner, channels], 0.3),
        before: vectors('before', inner),
        behind: vectors('behind', channels),
        dy: values('dy', [3, sidePx, sidePx + 1, channels]),
        window: { stride: 1 },
        activations,
        sides: [],
      });
    }
  });
});

describe('convolution of 3 × 3 pixels between two BatchNorms', () => {
  const cases: [batch: number, sidePx: number, inner: number, channels: number][] = [
    [3, 5, 32, 40],
    [2, 16, 33, 96],
    [9, 4, 130, 64],
    [3, 40, 48, 37],
  ];
  it.each(cases)('%i pictures, side %i, %i channels to %i: as the operations it stands for', (...args) => {
    const [batch, sidePx, inner, channels] = args;
    for (const activations of [
      { before: 2, behind: 0 },
      { before: 1, behind: 2 },
      { before: 0, behind: 1 },
    ]) {
      expectFused('Winograd', {
        x: values('x', [batch, sidePx, sidePx + 1, inner]),
        kernel: values('k', [3, 3, inner, channels], 0.1),
        before: vectors('before', inner),
        behind: vectors('behind', channels),
        dy: values('dy', [batch, sidePx, sidePx + 1, channels]),
        window: {},
        activations,
        sides: [],
      });
    }
  });
});

describe('depthwise convolution between two BatchNorms', () => {
  const cases: [Padding, number, number, number, number][] = [];
  for (const padding of ['same', 'symmetric', 'valid', 'after'] as const) {
    for (const kernelPx of [1, 3, 5, 7]) {
      for (const stride of [1, 2, 3]) {
        for (const [sidePx, channels] of [[12, 33], [7, 24], [19, 8]] as const) cases.push([padding, kernelPx, stride, sidePx, channels]); // prettier-ignore
      }
    }
  }

  it.each(cases)('%s, kernel %i, stride %i, side %i, %i channels: as the operations it stands for', (...args) => {
    const [padding, kernelPx, stride, sidePx, channels] = args;
    const [height, width] = [sidePx, sidePx + 2];
    const [top, bottom, left, right] = edgesAround(padding, [height, width], [kernelPx, kernelPx], stride);
    const outputs = (pixels: number): number => Math.floor((pixels - kernelPx) / stride) + 1;
    const [outHeight, outWidth] = [outputs(height + top + bottom), outputs(width + left + right)];
    expectFused('Depthwise', {
      x: values('x', [3, height, width, channels]),
      kernel: values('k', [kernelPx, kernelPx, channels, 1], 0.3),
      before: vectors('before', channels),
      behind: vectors('behind', channels),
      dy: values('dy', [3, outHeight, outWidth, channels]),
      window: { stride, top, left },
      activations: { before: 2, behind: 1 },
      sides: [tf.tensor1d([outHeight, outWidth], 'int32')],
    });
  });
});

describe('a shortcut that is added to what BatchNorm gives', () => {
  const shapes = [
    [3, 5, 7, 3],
    [2, 8, 8, 64],
    [4, 30, 31, 37],
  ];
  it.each(shapes.flatMap((shape) => [0, 1].map((activation) => [shape, activation] as const)))(
    '%j, activation %i: as the operations it stands for',
    (shape, activation) => {
      const [x, shortcut, norm] = [values('x', shape), values('shortcut', shape), vectors('norm', shape[3]!)];
      const sum = tf.add(one('GraftBatchNormPart', [x, ...norm], { activation: 0 }), shortcut);
      const wanted = activation === 1 ? tf.relu(sum) : sum;
      expectSame(run('GraftShortcutAdd', [x, ...norm, shortcut], { activation }, 1), [wanted]);
    },
  );

  it.each(
    shapes.flatMap((shape) => [1, 2].flatMap((count) => [0, 1].map((behind) => [shape, count, behind] as const))),
  )('back, %j, gradients from %i sides, %i ReLU: as the operations it stands for', (shape, count, behind) => {
    const [x, norm, y] = [values('x', shape), vectors('norm', shape[3]!), tf.relu(values('y', shape))];
    const gradients = [values('first', shape), values('second', shape)].slice(0, count);
    const all = tf.addN(gradients);
    const dz = behind === 1 ? runNativeOne('ReluGrad', [all, y]) : all;
    const sums = run('GraftBatchNormGradSums', [dz, x, ...norm], { activation: 0 }, 2);
    const inputs = [...gradients, ...(behind === 1 ? [y] : []), x, norm[2]!];
    const counts = { gradients_count: count, activated_count: behind };
    expectSame(run('GraftShortcutGradSums', inputs, counts, 3), [dz, ...sums]);
  });
});

describe('the gradient to a first convolution’s kernel, and through the BatchNorm behind it', () => {
  const cases: [kernelPx: number, stride: number, channels: number, out: number, sidePx: number][] = [
    [3, 2, 3, 32, 33],
    [7, 2, 3, 20, 40],
    [5, 1, 1, 7, 6],
    [3, 1, 4, 16, 3],
  ];
  it.each(cases)('%i px, stride %i, %i channels to %i, side %i: as the operations it stands for', (...args) => {
    const [kernelPx, stride, channels, out, sidePx] = args;
    const [x, kernel] = [
      values('x', [3, sidePx, sidePx + 2, channels]),
      values('k', [kernelPx, kernelPx, channels, out]),
    ];
    const [outHeight, outWidth] = [Math.ceil(sidePx / stride), Math.ceil((sidePx + 2) / stride)];
    const [dy, y] = [values('dy', [3, outHeight, outWidth, out]), values('y', [3, outHeight, outWidth, out])];
    const window = { stride, top: (kernelPx - 1) >> 1, left: (kernelPx - 1) >> 1 };
    const norm = [...vectors('behind', out), ...taken(out)];
    for (const activation of [0, 1, 2]) {
      const dz = one('GraftBatchNormGradPart', [dy, y, ...norm], { activation });
      const wanted = one('GraftPatchesKernelGrad', [x, dz, kernel], window);
      expectSame(run('GraftPatchesNormGrad', [dy, y, ...norm, x, kernel], { ...window, activation }, 1), [wanted]);
    }
  });
});

const blockInputs: [sidePx: number, inner: number, channels: number][] = [
  [5, 7, 3],
  [16, 96, 24],
  [12, 300, 33],
];

describe('convolution of one pixel of what a shortcut is added to', () => {
  it.each(blockInputs)('side %i, %i channels to %i: as the operations it stands for', (sidePx, inner, channels) => {
    const shape = [3, sidePx, sidePx + 1, inner];
    const [x, shortcut, norm] = [values('x', shape), values('shortcut', shape), vectors('norm', inner)];
    const kernel = values('k', [1, 1, inner, channels], 0.3);
    for (const activation of [0, 1]) {
      const sum = one('GraftShortcutAdd', [x, ...norm, shortcut], { activation });
      const wanted = [sum, ...run('GraftPointwiseMoments', [sum, kernel], {}, 3)];
      const seen = run('GraftShortcutPointwiseMoments', [x, ...norm, shortcut, kernel], { before: activation }, 4);
      expectSame(seen, wanted);
    }
  });
});

describe('convolution of one pixel behind a BatchNorm, of what a shortcut was added to', () => {
  it.each(blockInputs)('side %i, %i channels to %i: as the operations it stands for', (sidePx, inner, channels) => {
    const shape = [3, sidePx, sidePx + 1, inner];
    const [x, shortcut, summed] = [values('x', shape), values('shortcut', shape), values('summed', shape)];
    const [dy, y] = [values('dy', [3, sidePx, sidePx + 1, channels]), values('y', [3, sidePx, sidePx + 1, channels])];
    const [kernel, mean] = [values('k', [1, 1, inner, channels], 0.3), values('mean', [inner])];
    const norm = [...vectors('behind', channels), ...taken(channels)];
    for (const [activation, activated] of [
      [0, 1],
      [1, 0],
      [2, 1],
    ] as const) {
      const [dx, dKernel] = run('GraftPointwiseNormGrad', [dy, y, ...norm, x, kernel], { activation }, 2);
      const inputs = [shortcut, dx!, ...(activated === 1 ? [x] : []), summed, mean];
      const wanted = run('GraftShortcutGradSums', inputs, { gradients_count: 2, activated_count: activated }, 3);
      const all = [dy, y, ...norm, x, kernel, shortcut, summed, mean];
      const seen = run('GraftPointwiseNormGradSums', all, { activation, activated }, 4);
      expectSame(seen, [dKernel!, ...wanted]);
    }
  });
});

describe('a part of the pictures with a factor and an offset a channel', () => {
  it.each([
    [[6, 5, 7, 3], 2, 3],
    [[4, 16, 16, 1], 0, 4],
    [[5, 3, 3, 19], 4, 1],
    [[3, 2, 2, 4], 1, 0],
  ] as const)('%j, from row %i on %i rows: as the operations it stands for', (shape, begin, rows) => {
    const channels = shape[3];
    const [x, factor, offset] = [values('x', [...shape], 50), values('f', [channels]), values('o', [channels])];
    const wanted = tf.add(tf.mul(tf.slice(x, begin, rows), factor), offset);
    expectSame(run('GraftScalePart', [x, factor, offset], { begin, rows }, 1), [wanted]);
  });

  it('is refused where it does not lie within them', () => {
    const [x, factor] = [values('x', [4, 2, 2, 3]), values('f', [3])];
    for (const [begin, rows] of [
      [2, 3],
      [-1, 2],
    ] as const) {
      expect(() => run('GraftScalePart', [x, factor, factor], { begin, rows }, 1)).toThrow(/part/);
    }
    expect(() => run('GraftScalePart', [x, factor, values('o', [2])], { begin: 0, rows: 1 }, 1)).toThrow(/offset/);
  });
});

it('refuses vectors that are no match for the channels', () => {
  const x = values('x', [1, 4, 4, 8]);
  const kernel = values('k', [1, 1, 8, 8]);
  expect(() => run('GraftNormPointwiseMoments', [x, ...vectors('before', 7), kernel], { before: 2 }, 3)).toThrow(
    /vectors/,
  );
});
