import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unwrap } from '../result.ts';
import { decodeSafetensors, encodeSafetensors, parseSafetensorsHeader, safetensorsHeaderBytes } from './safetensors.ts';
import { float32Tensor, int32Tensor, asFloat32 } from './tensor-data.ts';
import type { TensorData } from './tensor-data.ts';

/** A file with a hand-written header; `data` follows it. */
function file(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const entry = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4]): string =>
  JSON.stringify({ dtype: 'F32', shape, data_offsets: [begin, end] });

function codeOf(bytes: Uint8Array): string {
  const result = decodeSafetensors(bytes, 'x.safetensors');
  return result.ok ? 'OK' : result.error.code;
}

describe('encodeSafetensors', () => {
  const tensors = new Map<string, TensorData>([
    ['Amask', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['b', float32Tensor(Float32Array.of(1.5, -2), [2])],
    ['a', int32Tensor(Int32Array.of(7), [])],
  ]);

  it('writes the bytes of the format: size, JSON padded with spaces to 8 bytes, wider types first, then names', () => {
    const bytes = encodeSafetensors(tensors, { step: '3', name: 'x' });
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerBytes % 8).toBe(0);
    const json = new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes));
    expect(json.trimEnd()).toBe(
      '{"__metadata__":{"name":"x","step":"3"},"a":{"dtype":"I32","shape":[],"data_offsets":[0,4]},' +
        '"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"Amask":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}',
    );
    expect([...bytes.subarray(8 + headerBytes)]).toEqual([7, 0, 0, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0, 1, 2, 3]);
  });

  it('does not depend on the order of the map', () => {
    const reversed = new Map([...tensors].reverse());
    expect(encodeSafetensors(reversed, { name: 'x', step: '3' })).toEqual(
      encodeSafetensors(tensors, { step: '3', name: 'x' }),
    );
  });

  it('refuses a tensor whose bytes do not fit its shape', () => {
    const wrong = new Map([['a', { dtype: 'F32', shape: [2], data: new Uint8Array(4) } as const]]);
    expect(() => encodeSafetensors(wrong)).toThrow('tensor a: 4 bytes');
  });

  it('gives back what was put in, whatever the names, shapes and metadata', () => {
    const tensor = fc
      .array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 })
      .chain((shape) => {
        const count = shape.reduce((product, size) => product * size, 1);
        return fc.tuple(fc.constant(shape), fc.uint8Array({ minLength: count * 4, maxLength: count * 4 }));
      })
      .map(([shape, data]): TensorData => ({ dtype: 'F32', shape, data }));
    const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    const map = fc.uniqueArray(fc.tuple(names, tensor), { selector: ([name]) => name, maxLength: 6 });
    fc.assert(
      fc.property(map, fc.dictionary(fc.string(), fc.string()), (entries, metadata) => {
        const decoded = unwrap(decodeSafetensors(encodeSafetensors(new Map(entries), metadata)));
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect(decoded.tensors.size).toBe(entries.length);
        for (const [name, value] of entries) expect(decoded.tensors.get(name)).toEqual(value);
      }),
    );
  });

  it('aligns float32 tensors, so that they are read without a copy', () => {
    const decoded = unwrap(decodeSafetensors(encodeSafetensors(tensors)));
    const b = decoded.tensors.get('b')!;
    expect(asFloat32(b).buffer).toBe(b.data.buffer);
    expect([...asFloat32(b)]).toEqual([1.5, -2]);
  });
});

describe('decodeSafetensors', () => {
  it('takes an empty map of tensors, and zero-sized tensors', () => {
    expect(codeOf(file('{}'))).toBe('OK');
    expect(codeOf(file(`{"a":${entry(0, 0)},"b":${entry(0, 4)},"c":${entry(4, 4)}}`, new Uint8Array(4)))).toBe('OK');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['seven bytes', new Uint8Array(7)],
    ['a header longer than the file', Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d)],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d)],
    ['a header above the limit', Uint8Array.of(1, 0xe1, 0xf5, 5, 0, 0, 0, 0, 0x7b, 0x7d)],
    ['no JSON', file('{"a"')],
    ['a list', file('[]')],
    ['a number', file('7')],
    ['white space first', file(' {}')],
    [
      'bad UTF-8',
      (() => {
        const f = file('{"ab":1}');
        f[10] = 0xff;
        return f;
      })(),
    ],
    ['an unknown type', file('{"a":{"dtype":"F8","shape":[],"data_offsets":[0,1]}}', new Uint8Array(1))],
    [
      'a type named as a property of every object',
      file('{"a":{"dtype":"constructor","shape":[],"data_offsets":[0,0]}}'),
    ],
    ['a missing shape', file('{"a":{"dtype":"F32","data_offsets":[0,0]}}')],
    ['a negative size', file(`{"a":${entry(0, 4, [-1])}}`, new Uint8Array(4))],
    ['half a size', file(`{"a":${entry(0, 4, [0.5])}}`, new Uint8Array(4))],
    ['an overflowing product', file(`{"a":${entry(0, 0, [2 ** 40, 2 ** 40, 0])}}`)],
    ['reversed offsets', file(`{"a":${entry(4, 0, [1])}}`, new Uint8Array(4))],
    ['offsets of three', file('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}')],
    ['metadata of numbers', file('{"__metadata__":{"a":1}}')],
    ['nested arrays without end', file('{"a":' + '['.repeat(100_000) + ']'.repeat(100_000) + '}')],
  ])('MODEL_FORMAT: %s', (_, bytes) => {
    expect(codeOf(bytes)).toBe('MODEL_FORMAT');
  });

  it.each([
    ['data that end early', file(`{"a":${entry(0, 8)}}`, new Uint8Array(7))],
    ['data after the last tensor', file(`{"a":${entry(0, 8)}}`, new Uint8Array(9))],
    ['a hole', file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, new Uint8Array(12))],
    ['an overlap', file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, new Uint8Array(12))],
    ['a shape that is not the size of its data', file(`{"a":${entry(0, 8, [3])}}`, new Uint8Array(8))],
    ['offsets beyond the file', file(`{"a":${entry(0, 4_000_000)}}`, new Uint8Array(8))],
  ])('MODEL_WEIGHTS: %s', (_, bytes) => {
    expect(codeOf(bytes)).toBe('MODEL_WEIGHTS');
  });

  it('keeps a tensor named __proto__ as a tensor', () => {
    const decoded = unwrap(decodeSafetensors(file(`{"__proto__":${entry(0, 4)}}`, new Uint8Array(4))));
    expect([...decoded.tensors.keys()]).toEqual(['__proto__']);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeSafetensors(bytes)));
    fc.assert(fc.property(fc.json(), (json) => void decodeSafetensors(file(json))));
  });
});

describe('parseSafetensorsHeader', () => {
  it('reads a header without the data, with offsets from the start of the file', () => {
    const bytes = encodeSafetensors(new Map([['a', float32Tensor(new Float32Array(1000), [10, 100])]]));
    const size = unwrap(safetensorsHeaderBytes(bytes.subarray(0, 8), bytes.length));
    const header = unwrap(parseSafetensorsHeader(bytes.subarray(0, size), bytes.length));
    expect(header.tensors.get('a')).toEqual({ dtype: 'F32', shape: [10, 100], offsetBytes: size, sizeBytes: 4000 });
  });

  it('says which tensor is wrong, and where', () => {
    const result = parseSafetensorsHeader(file(`{"conv1":${entry(0, 8, [3])}}`), 8, 'm.safetensors');
    expect(result.ok ? '' : result.error.message).toContain('m.safetensors');
  });
});
