import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementBytes } from '../../../core/checkpoint/tensor-data.ts';
import type { TorchTensor } from './pickle-values.ts';
import { checkFinite, gather } from './tensors.ts';

const DTYPES = ['U8', 'F16', 'F32', 'F64'] as const;

/** Element by element, by the definition of a stride. */
function naive({ storage: { dtype }, shape, stride, offset }: TorchTensor, bytes: Uint8Array): number[] {
  const step = elementBytes(dtype);
  const at = shape.reduce(
    (places: number[], size, axis) =>
      places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * (stride[axis] ?? 0))),
    [offset],
  );
  return at.flatMap((place) => [...bytes.subarray(place * step, (place + 1) * step)]);
}

describe('gather', () => {
  it('brings any strides into row-major order, for elements of every size and storages that begin anywhere', () => {
    const cases = fc.record({
      dtype: fc.constantFrom(...DTYPES),
      shape: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
      stride: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 4, maxLength: 4 }),
      offset: fc.integer({ min: 0, max: 3 }),
      begin: fc.integer({ min: 0, max: 7 }),
    });
    fc.assert(
      fc.property(cases, ({ dtype, shape, stride, offset, begin }) => {
        const count = 1 + offset + shape.reduce((sum, size, axis) => sum + (size - 1) * (stride[axis] ?? 0), 0);
        const buffer = Uint8Array.from({ length: begin + count * elementBytes(dtype) }, (_, i) => (i * 37) % 251);
        const bytes = buffer.subarray(begin);
        const storage = { kind: 'storage' as const, dtype, key: '0', count };
        const tensor = { kind: 'tensor' as const, storage, offset, shape, stride: stride.slice(0, shape.length) };
        expect([...gather(tensor, bytes).data]).toEqual(naive(tensor, bytes));
      }),
    );
  });
});

describe('checkFinite', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('names the tensors that hold %s', (value) => {
    const tensor = (last: number) => ({
      dtype: 'F32' as const,
      shape: [2],
      data: new Uint8Array(Float32Array.of(0, last).buffer),
    });
    const tensors = new Map([
      ['fine', tensor(1)],
      ['broken', tensor(value)],
    ]);
    expect(() => checkFinite(tensors, 'a file')).toThrow('broken');
    expect(() => checkFinite(new Map([['fine', tensor(1)]]), 'a file')).not.toThrow();
  });
});
