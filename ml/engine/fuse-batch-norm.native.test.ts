import { beforeAll, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { countOf as count, splitStep as split } from '../../test/lib/split-step.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import type { RecordedOperation, Recording } from './recorder.ts';

// That a fused step computes the same as one without parts is shown in split-batch.native.test.ts.

beforeAll(async () => {
  const { parts } = await loadTensorFlow({ threads: 2, parts: 2 });
  expect(parts).toBe(2);
});

const named = ({ operations }: Recording, name: string): RecordedOperation[] =>
  operations.filter((operation) => operation.name === name);

it('sums the moments of every convolution of one pixel that BatchNorm is behind, and of the depthwise ones', () => {
  const before = split('mobilenet-v2', 'full');
  const after = fuseBatchNorm(before);
  const convolutions = count(before, 'GraftPointwise');
  const depthwise = count(before, 'GraftDepthwise');
  expect([convolutions, depthwise]).toEqual([2 * 34, 2 * 17]);
  expect(count(after, 'GraftPointwiseMoments') + count(after, 'GraftNormPointwiseMoments')).toBe(convolutions);
  expect(count(after, 'GraftNormDepthwiseMoments')).toBe(depthwise);
  expect(count(after, 'GraftPointwise') + count(after, 'GraftDepthwise')).toBe(0);
  // What is left is behind the first convolution, of three pixels.
  expect(count(after, 'GraftBatchNormMoments')).toBe(2);
});

it('takes the gradient through BatchNorm within both gradients of the convolution before it', () => {
  const after = fuseBatchNorm(split('mobilenet-v2', 'full'));
  expect(count(after, 'GraftPointwiseNormGrad') + count(after, 'GraftNormPointwiseNormGrad')).toBe(2 * 34);
  expect(count(after, 'GraftNormDepthwiseNormGrad')).toBe(2 * 17);
  for (const kind of ['Pointwise', 'Depthwise']) {
    expect(count(after, `Graft${kind}InputGrad`) + count(after, `Graft${kind}KernelGrad`)).toBe(0);
  }
  // To the first convolution's kernel alone.
  expect(count(after, 'GraftPatchesNormGrad')).toBe(2);
  expect(count(after, 'GraftPatchesKernelGrad') + count(after, 'GraftBatchNormGradPart')).toBe(0);
});

it('keeps what BatchNorm gives only where something besides a convolution behind it reads it', () => {
  const before = split('mobilenet-v2', 'full');
  const after = fuseBatchNorm(before);
  // Of 52: one before each of 17 depthwise convolutions, one behind it, and two of blocks with no shortcut beside them.
  expect(count(before, 'GraftBatchNormPart')).toBe(2 * 52);
  expect(count(after, 'GraftBatchNormPart')).toBe(2 * (52 - 36));
  expect(count(after, 'GraftBatchNormGradSums')).toBe(2 * (52 - 36));
  // A frozen block's convolution has no gradients, and what the first trained one takes is no BatchNorm of this step's.
  const trained = fuseBatchNorm(split('mobilenet-v2', 'last-n', { lastN: 3 }));
  expect(count(trained, 'GraftNormDepthwiseNormGrad')).toBe(2 * 2);

  const [watched] = named(before, 'GraftDepthwise').map(({ inputs }) => inputs[0]);
  if (watched?.kind !== 'operation') throw new Error('no BatchNorm before it');
  const shape = before.operations[watched.index]?.outputShapes[0] ?? [];
  const output = { shape, dtype: 1, ref: watched } as const;
  const kept = fuseBatchNorm({ ...before, outputs: new Map([...before.outputs, ['watched', output]]) });
  expect(count(kept, 'GraftBatchNormPart')).toBe(count(after, 'GraftBatchNormPart') + 1);
  expect(count(kept, 'GraftDepthwise')).toBe(1);
  expect(count(kept, 'GraftDepthwiseInputGrad')).toBe(1);
});

it('leaves alone a gradient that is taken to the kernel only, a stride, and one that something else reads', () => {
  // The first block that is trained begins with a convolution of one pixel, to whose input no gradient goes.
  const trained = fuseBatchNorm(split('mobilenet-v2', 'last-n', { lastN: 3 }));
  expect(count(trained, 'GraftPointwiseKernelGrad')).toBe(2);
  const strided = fuseBatchNorm(split('resnet50', 'full'));
  expect(count(strided, 'GraftPointwise')).toBe(2 * 6);
  expect(count(strided, 'GraftPointwiseInputGrad')).toBe(2 * 6);

  const before = split('mobilenet-v2', 'full');
  const watched = before.operations.findIndex(({ name }) => name === 'GraftBatchNormGradPart');
  const shape = before.operations[watched]?.outputShapes[0] ?? [];
  const output = { shape, dtype: 1, ref: { kind: 'operation', index: watched, output: 0 } } as const;
  const after = fuseBatchNorm({ ...before, outputs: new Map([...before.outputs, ['watched', output]]) });
  const { ref } = after.outputs.get('watched') ?? {};
  expect(ref?.kind === 'operation' ? after.operations[ref.index]?.name : null).toBe('GraftBatchNormGradPart');
});

it('keeps nothing around the convolutions of 3 × 3 pixels either', () => {
  // Of 8 pictures the first three blocks have tiles enough; their 3 × 3 kernels stand between two of one pixel.
  const before = split('resnet50', 'full', { batch: 8 });
  const after = fuseBatchNorm(before);
  expect(count(before, 'GraftWinograd')).toBe(2 * 3);
  expect(count(after, 'GraftNormWinogradMoments')).toBe(2 * 3);
  expect(count(after, 'GraftNormWinogradNormGrad')).toBe(2 * 3);
  const left = ['GraftWinograd', 'GraftWinogradInputGrad', 'GraftWinogradKernelGrad'];
  expect(left.map((name) => count(after, name))).toEqual([0, 0, 0]);
});

it('puts every operation behind what it reads', () => {
  const { operations } = fuseBatchNorm(split('mobilenet-v2', 'full'));
  for (const [index, { inputs }] of operations.entries()) {
    for (const ref of inputs) if (ref.kind === 'operation') expect(ref.index).toBeLessThan(index);
  }
});
