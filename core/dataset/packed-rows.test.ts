import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asSha256 } from '../ids.ts';
import { sides } from './annotations.ts';
import { compareText } from './order.ts';
import { PackedRows } from './packed-rows.ts';
import type { Row } from './packed-rows.ts';
import { PackedSides } from './packed-sides.ts';

/** Few different hashes, so that paths decide too. */
const hash = fc.constantFrom('0', '1', '7f', '80', 'ff').map((start) => asSha256(start.padEnd(64, '0')));
const path = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const row = fc.record({ sha256: hash, sizeBytes: fc.nat(), path, label: fc.nat(1000) });

describe('PackedRows', () => {
  it('come back as they were added, sorted as text is', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const packed = new PackedRows();
        for (const each of rows) packed.add(each);
        expect(packed.slice(0, rows.length)).toEqual(rows);
        packed.sort();
        const sorted = [...rows].sort((a, b) => compareText(a.sha256, b.sha256) || compareText(a.path, b.path));
        const pairs = (list: readonly Row[]) => list.map((each) => [each.sha256, each.path]);
        expect(pairs(packed.slice(0, rows.length))).toEqual(pairs(sorted));
      }),
    );
  });

  it('are many, and some have boxes', () => {
    const packed = new PackedRows();
    const of = (i: number): Row => ({
      ...{
        sha256: asSha256(i.toString(16).padStart(64, '0')),
        sizeBytes: 3 * i,
        path: `class ${i % 7}/${i} ü.png`,
        label: i % 7,
      },
      ...(i % 3 === 0 ? { picture: { width: i, height: 1, boxes: [] } } : {}),
    });
    for (let i = 4999; i >= 0; i--) packed.add(of(i));
    packed.sort();
    expect(packed.length).toBe(5000);
    expect(packed.slice(2047, 2050)).toEqual([of(2047), of(2048), of(2049)]);
    expect(packed.slice(4998, 6000)).toEqual([of(4998), of(4999)]);
  });
});

describe('PackedSides', () => {
  it('know the side of hashes and names, whatever the order, and of nothing else', () => {
    const names = fc.oneof(
      hash,
      path,
      fc.nat(5000).map((i) => i.toString(16).padStart(64, '0')),
    );
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 80 }), fc.boolean(), names, (units, sorted, other) => {
        const packed = new PackedSides();
        const list = sorted ? [...units].sort(compareText) : units;
        for (const [i, unit] of list.entries()) packed.add(unit, sides[i % 3]!);
        for (const [i, unit] of list.entries()) expect(packed.sideOf(unit)).toBe(sides[i % 3]);
        if (!units.includes(other)) expect(packed.sideOf(other)).toBeUndefined();
      }),
    );
  });
});
