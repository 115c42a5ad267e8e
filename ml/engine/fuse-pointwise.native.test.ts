import { beforeAll, expect, it } from 'vitest';
import type { Strategy } from '../../core/training/frozen-prefix.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { stepOptions, stepState } from '../../test/lib/step-network.ts';
import { nativeBackend } from '../native/backend.ts';
import { buildModel } from '../trainer/model.ts';
import { stepProgram } from '../trainer/programs.ts';
import { fusePointwise } from './fuse-pointwise.ts';
import { record } from './recorder.ts';
import type { RecordedOperation, Recording } from './recorder.ts';
import { splitBatch } from './split-batch.ts';

// That a fused step computes the same as one without parts is shown in split-batch.native.test.ts.

beforeAll(async () => {
  const { parts } = await loadTensorFlow({ threads: 2, parts: 2 });
  expect(parts).toBe(2);
});

function split(backbone: 'mobilenet-v2' | 'resnet50', strategy: Strategy, lastN = 0): Recording {
  const model = buildModel({ backbone, strategy, classes: ['a', 'b'], dropout: 0 }, lastN);
  const options = stepOptions({ kind: 'adam' }, { seed: 3 });
  const program = stepProgram(model, { kind: 'pixels', shape: [32, 32, 3] }, 4, options);
  return splitBatch(record(program, stepState(model, options)), 2, nativeBackend().binding);
}

const named = ({ operations }: Recording, name: string): RecordedOperation[] =>
  operations.filter((operation) => operation.name === name);
const count = (recording: Recording, name: string): number => named(recording, name).length;

it('sums the moments of every convolution of one pixel that BatchNorm is behind, and of no other', () => {
  const before = split('mobilenet-v2', 'full');
  const after = fusePointwise(before);
  const convolutions = count(before, 'GraftPointwise');
  expect(convolutions).toBeGreaterThan(60);
  expect(count(after, 'GraftPointwiseMoments')).toBe(convolutions);
  expect(count(after, 'GraftPointwise')).toBe(0);
  expect(count(after, 'GraftBatchNormMoments')).toBe(count(before, 'GraftBatchNormMoments') - convolutions);
});

it('takes the gradient through BatchNorm within both gradients of the convolution before it', () => {
  const before = split('mobilenet-v2', 'full');
  const after = fusePointwise(before);
  const convolutions = count(before, 'GraftPointwiseInputGrad');
  expect(count(after, 'GraftPointwiseNormGrad')).toBe(convolutions);
  expect(count(after, 'GraftPointwiseInputGrad') + count(after, 'GraftPointwiseKernelGrad')).toBe(0);
  expect(count(after, 'GraftBatchNormGradPart')).toBe(count(before, 'GraftBatchNormGradPart') - convolutions);
});

it('leaves alone a gradient that is taken to the kernel only, a stride, and one that something else reads', () => {
  // The first block that is trained begins with a convolution of one pixel, to whose input no gradient goes.
  const trained = fusePointwise(split('mobilenet-v2', 'last-n', 3));
  expect(count(trained, 'GraftPointwiseKernelGrad')).toBe(2);
  const strided = fusePointwise(split('resnet50', 'full'));
  expect(count(strided, 'GraftPointwise')).toBe(2 * 6);
  expect(count(strided, 'GraftPointwiseInputGrad')).toBe(2 * 6);

  const before = split('mobilenet-v2', 'full');
  const watched = before.operations.findIndex(({ name }) => name === 'GraftBatchNormGradPart');
  const shape = before.operations[watched]?.outputShapes[0] ?? [];
  const output = { shape, dtype: 1, ref: { kind: 'operation', index: watched, output: 0 } } as const;
  const after = fusePointwise({ ...before, outputs: new Map([...before.outputs, ['watched', output]]) });
  const { ref } = after.outputs.get('watched') ?? {};
  expect(ref?.kind === 'operation' ? after.operations[ref.index]?.name : null).toBe('GraftBatchNormGradPart');
});

it('puts every operation behind what it reads', () => {
  const { operations } = fusePointwise(split('mobilenet-v2', 'full'));
  for (const [index, { inputs }] of operations.entries()) {
    for (const ref of inputs) if (ref.kind === 'operation') expect(ref.index).toBeLessThan(index);
  }
});
