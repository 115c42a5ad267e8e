import { beforeAll, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { countOf, splitStep } from '../../test/lib/split-step.ts';
import { nativeBackend } from '../native/backend.ts';
import { fuseScaling } from './fuse-scaling.ts';
import type { RecordedOperation, Recording, Ref } from './recorder.ts';

// That what comes out is the same is shown in split-batch.native.test.ts.

beforeAll(async () => {
  await loadTensorFlow({ threads: 2, parts: 2 });
});

const fuse = (recording: Recording): Recording => fuseScaling(recording, nativeBackend().binding);

/** The first operation of this name that reads one named `of`. */
function reader({ operations }: Recording, name: string, of: string): RecordedOperation {
  const isOf = (ref: Ref): boolean => ref.kind === 'operation' && operations[ref.index]?.name === of;
  const found = operations.find((operation) => operation.name === name && operation.inputs.some(isOf));
  if (!found) throw new Error(`no ${name} of a ${of}`);
  return found;
}

it('cuts and scales the pictures in one pass, each part from its row on', () => {
  for (const backbone of ['mobilenet-v2', 'resnet50', 'efficientnet-lite0'] as const) {
    const before = splitStep(backbone, 'full', { batch: 6 });
    const after = fuse(before);
    const parts = after.operations.filter(({ name }) => name === 'GraftScalePart');
    const numbers = parts.map(({ attributes }) => attributes.map(({ name, value }) => [name, value]));
    expect(numbers).toEqual(
      [0, 3].map((begin) => [
        ['begin', begin],
        ['rows', 3],
      ]),
    );
    expect(parts.map(({ inputs }) => inputs[0])).toEqual([0, 1].map(() => ({ kind: 'input', name: 'x' })));
    expect(countOf(after, 'Mul')).toBe(countOf(before, 'Mul') - 2);
    expect(countOf(after, 'Slice')).toBe(countOf(before, 'Slice') - 2);
  }
});

it('leaves alone what something else reads, and a cut along another axis', () => {
  const before = splitStep('mobilenet-v2', 'full');
  const product = before.operations.indexOf(reader(before, 'Mul', 'Slice'));
  const shape = before.operations[product]?.outputShapes[0] ?? [];
  const output = { shape, dtype: 1, ref: { kind: 'operation', index: product, output: 0 } } as const;
  const watched = { ...before, outputs: new Map([...before.outputs, ['watched', output]]) };
  expect(countOf(fuse(watched), 'GraftScalePart')).toBe(1);

  const begin = reader(before, 'Mul', 'Slice').inputs[0];
  const slice = begin?.kind === 'operation' ? before.operations[begin.index] : undefined;
  const at = slice?.inputs[1];
  const constants = before.constants.map((constant, index) =>
    at?.kind === 'constant' && index === at.index ? { ...constant, values: Int32Array.from([0, 1, 0, 0]) } : constant,
  );
  expect(countOf(fuse({ ...before, constants }), 'GraftScalePart')).toBe(1);
});
