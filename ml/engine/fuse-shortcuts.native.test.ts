import { beforeAll, expect, it } from 'vitest';
import type { BackboneName } from '../../core/backbone-facts.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { countOf, splitStep } from '../../test/lib/split-step.ts';
import { dropReshapes } from './drop-reshapes.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import { fuseShortcuts } from './fuse-shortcuts.ts';
import type { Recording, Ref } from './recorder.ts';

// That what comes out is the same is shown in split-batch.native.test.ts.

beforeAll(async () => {
  await loadTensorFlow({ threads: 2, parts: 2 });
});

/** Enough pictures that every 3 × 3 convolution has its own kernel. */
const batch = 32;
const fused = (backbone: BackboneName): Recording =>
  fuseBatchNorm(fuseShortcuts(dropReshapes(splitStep(backbone, 'full', { batch }))));

it('adds, in one pass over memory, the 16 shortcuts of ResNet50, with the ReLU behind them', () => {
  const before = splitStep('resnet50', 'full');
  const after = fused('resnet50');
  expect(countOf(before, 'ReluGrad')).toBe(2 * 16);
  expect(countOf(after, 'GraftShortcutAdd')).toBe(2 * 16);
  expect(countOf(after, 'GraftShortcutGradSums')).toBe(2 * 16);
  expect([countOf(after, 'Relu'), countOf(after, 'ReluGrad')]).toEqual([0, 0]);
  // Where a block's shortcut is a convolution it has a BatchNorm of its own: 4, and one behind the first convolution.
  expect(countOf(after, 'GraftBatchNormPart')).toBe(2 * 5);
  expect(countOf(after, 'GraftBatchNormGradSums')).toBe(2 * 5);
});

it('adds the 10 of MobileNetV2, which no ReLU is behind', () => {
  const after = fused('mobilenet-v2');
  expect(countOf(after, 'GraftShortcutAdd')).toBe(2 * 10);
  expect(countOf(after, 'GraftShortcutGradSums')).toBe(2 * 10);
});

it('leaves a sum alone whose BatchNorm something else reads too', () => {
  const before = dropReshapes(splitStep('mobilenet-v2', 'full'));
  const isNorm = (ref: Ref): boolean =>
    ref.kind === 'operation' && before.operations[ref.index]?.name === 'GraftBatchNormPart';
  const [norm] = before.operations.flatMap(({ name, inputs }) => (name === 'Add' ? inputs.filter(isNorm) : []));
  if (norm?.kind !== 'operation') throw new Error('no BatchNorm before a sum');
  const output = { shape: before.operations[norm.index]?.outputShapes[0] ?? [], dtype: 1, ref: norm };
  const watched = { ...before, outputs: new Map([...before.outputs, ['watched', output]]) };
  expect(countOf(fuseShortcuts(watched), 'GraftShortcutAdd')).toBe(2 * 10 - 1);
});

it('drops reshapes to the shape that is there, and no others', () => {
  const before = splitStep('resnet50', 'full');
  const isIdle = ({ name, inputShapes, outputShapes }: Recording['operations'][number]): boolean =>
    name === 'Reshape' && inputShapes[0]?.join() === outputShapes[0]?.join();
  const after = dropReshapes(before);
  expect(before.operations.some(isIdle)).toBe(true);
  expect(after.operations.some(isIdle)).toBe(false);
  expect(countOf(after, 'Reshape')).toBeGreaterThan(0);
});
