import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import type { Json } from './canonical-json.ts';

const isJson = (value: unknown): value is Json => value !== undefined;

/** The same value with the keys of every object in the opposite order. */
function reversed(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Json) => reversed(item));
  const entries = Object.entries(value).map(([key, item]): [string, Json | undefined] => [
    key,
    item === undefined ? undefined : reversed(item),
  ]);
  return Object.fromEntries(entries.reverse());
}

describe('canonical JSON', () => {
  it('has sorted keys and no white space', () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'x y' })).toBe('{"a":"x y","b":[1,{"c":true,"d":null}]}');
  });

  it('leaves out what is undefined, and tells apart what differs', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    const different: Json[] = [null, 0, '0', false, [], {}, [0], ['0'], { a: null }, '', [[]]];
    expect(new Set(different.map(canonicalJson)).size).toBe(different.length);
  });

  it('takes -0 for 0 and escapes as JSON does', () => {
    expect(canonicalJson([-0, 0, 1e21, 1e-7, '\u2028"\\\n'])).toBe(`[0,0,1e+21,1e-7,${JSON.stringify('\u2028"\\\n')}]`);
  });

  it('refuses numbers that JSON can’t say', () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      expect(() => canonicalJson({ a: [value] })).toThrow('not representable');
    }
  });

  it('is the same text whatever the order of the keys, and reads back as the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        if (!isJson(value)) return;
        const text = canonicalJson(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(JSON.stringify(JSON.parse(text))).toHaveLength(text.length);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { seed: 2 },
    );
  });
});
