import { describe, expect, it } from 'vitest';
import type { SafeDType } from './tensor-data.ts';
import {
  asFloat32,
  asInt32,
  bfloat16ToNumber,
  elementCount,
  float32Tensor,
  halfToNumber,
  toFloat32,
} from './tensor-data.ts';

describe('elementCount', () => {
  it.each([
    [[], 1],
    [[2, 3], 6],
    [[2, 0], 0],
    [[-1], Number.NaN],
    [[1.5], Number.NaN],
    [[2 ** 30, 2 ** 30], Number.NaN],
  ])('%j → %d', (shape, expected) => expect(elementCount(shape)).toBe(expected));
});

describe('halfToNumber', () => {
  it.each([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('%i → %d (IEEE 754 binary16)', (bits, value) => expect(halfToNumber(bits)).toBe(value));
});

describe('toFloat32', () => {
  const bytes = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

  it.each<[SafeDType, Uint8Array, number[]]>([
    ['U8', Uint8Array.of(0, 255), [0, 255]],
    ['I8', Uint8Array.of(1, 255), [1, -1]],
    ['BOOL', Uint8Array.of(0, 1), [0, 1]],
    ['I16', bytes(Int16Array.of(-300, 300)), [-300, 300]],
    ['I32', bytes(Int32Array.of(-70000, 3)), [-70000, 3]],
    ['I64', bytes(BigInt64Array.of(-5n, 2n ** 33n)), [-5, 2 ** 33]],
    ['F64', bytes(Float64Array.of(0.5, 1e300)), [0.5, Number.POSITIVE_INFINITY]],
    ['F16', bytes(Uint16Array.of(0x3c00, 0xb800)), [1, -0.5]],
    ['BF16', bytes(Uint16Array.of(0x3f80, 0xc040)), [1, -3]],
    ['F32', bytes(Float32Array.of(1.25, -7)), [1.25, -7]],
  ])('%s', (dtype, data, expected) => {
    expect([...toFloat32({ dtype, shape: [2], data })]).toEqual(expected);
  });

  it('reads data at an odd offset of its buffer', () => {
    const buffer = new Uint8Array(9);
    buffer.set(bytes(Float32Array.of(1.5, 2.5)), 1);
    expect([...asFloat32({ dtype: 'F32', shape: [2], data: buffer.subarray(1) })]).toEqual([1.5, 2.5]);
    expect([...asInt32({ dtype: 'I32', shape: [2], data: buffer.subarray(1) })]).toHaveLength(2);
  });

  it('reads a Buffer at an odd offset', () => {
    const data = Buffer.concat([Buffer.of(0), bytes(Float32Array.of(1.5, 2.5))]).subarray(1);
    expect([...asFloat32({ dtype: 'F32', shape: [2], data })]).toEqual([1.5, 2.5]);
  });

  it('refuses to take one type for another', () => {
    expect(() => asFloat32({ dtype: 'I32', shape: [1], data: new Uint8Array(4) })).toThrow('I32 is not F32');
    expect(() => float32Tensor(new Float32Array(3), [2])).toThrow('3 values for shape [2]');
  });

  it('bfloat16 keeps signs and infinities', () => {
    expect(bfloat16ToNumber(0xff80)).toBe(Number.NEGATIVE_INFINITY);
    expect(bfloat16ToNumber(0x8000)).toBe(-0);
  });
});
