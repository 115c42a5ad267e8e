import { beforeAll, expect, it } from 'vitest';
import type { BackboneName } from '../../core/backbone-facts.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { countOf, splitStep } from '../../test/lib/split-step.ts';
import { dropReshapes } from './drop-reshapes.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import { fuseBlockInputs } from './fuse-block-inputs.ts';
import { fuseShortcuts } from './fuse-shortcuts.ts';
import type { Recording } from './recorder.ts';

// That what comes out is the same is shown in split-batch.native.test.ts.

beforeAll(async () => {
  await loadTensorFlow({ threads: 2, parts: 2 });
});

const before = (backbone: BackboneName): Recording =>
  fuseBatchNorm(fuseShortcuts(dropReshapes(splitStep(backbone, 'full', { batch: 32 }))));

it('adds the gradients of ResNet50’s 12 blocks with nothing on their shortcut', () => {
  const after = fuseBlockInputs(before('resnet50'));
  expect(countOf(after, 'GraftPointwiseNormGradSums')).toBe(2 * 12);
  expect(countOf(after, 'GraftShortcutGradSums')).toBe(2 * 4);
});

it('convolves the sums that those blocks begin with as they are made', () => {
  const whole = before('resnet50');
  const after = fuseBlockInputs(whole);
  expect(countOf(after, 'GraftShortcutPointwiseMoments')).toBe(2 * 12);
  expect(countOf(after, 'GraftShortcutAdd')).toBe(2 * 4);
  expect(countOf(after, 'GraftPointwiseMoments')).toBe(countOf(whole, 'GraftPointwiseMoments') - 2 * 12);
});

it('does both in MobileNetV2’s 10, which no ReLU is behind', () => {
  const after = fuseBlockInputs(before('mobilenet-v2'));
  expect(countOf(after, 'GraftShortcutPointwiseMoments')).toBe(2 * 10);
  expect(countOf(after, 'GraftPointwiseNormGradSums')).toBe(2 * 10);
  expect(countOf(after, 'GraftShortcutGradSums')).toBe(0);
});

it('leaves alone a gradient that something else reads, and a ReLU that is not before the convolution', () => {
  const whole = before('resnet50');
  const [sums] = whole.operations.filter(
    ({ name, inputs }) => name === 'GraftShortcutGradSums' && inputs.some(isOf(whole, 'GraftPointwiseNormGrad')),
  );
  const dx = sums?.inputs.find(isOf(whole, 'GraftPointwiseNormGrad'));
  if (!sums || dx?.kind !== 'operation') throw new Error('no gradient to add to');
  const shape = whole.operations[dx.index]?.outputShapes[0] ?? [];
  const outputs = new Map([...whole.outputs, ['watched', { shape, dtype: 1, ref: dx }] as const]);
  const watched = fuseBlockInputs({ ...whole, outputs });
  expect(countOf(watched, 'GraftPointwiseNormGradSums')).toBe(2 * 12 - 1);

  const other = { ...sums, inputs: sums.inputs.map((ref, at) => (at === 2 ? (sums.inputs[3] ?? ref) : ref)) };
  const operations = whole.operations.map((operation) => (operation === sums ? other : operation));
  expect(countOf(fuseBlockInputs({ ...whole, operations }), 'GraftPointwiseNormGradSums')).toBe(2 * 12 - 1);
});

const isOf =
  ({ operations }: Recording, name: string) =>
  (ref: Recording['operations'][number]['inputs'][number]): boolean =>
    ref.kind === 'operation' && operations[ref.index]?.name === name;
