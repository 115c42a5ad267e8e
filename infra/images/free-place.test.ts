import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freePlace } from './free-place.ts';
import type { Place } from './free-place.ts';

const overlap = (a: Place, b: Place): boolean =>
  a.size > 0 && b.size > 0 && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

describe('freePlace', () => {
  it('takes the first gap that is long enough', () => {
    const taken = [
      { offset: 40, size: 10 },
      { offset: 0, size: 20 },
    ];
    expect([5, 20, 21].map((size) => freePlace(taken, size))).toEqual([20, 20, 50]);
    expect(freePlace([], 7)).toBe(0);
  });

  it('is not led back by a request without bytes, which lies where another begins', () => {
    const taken = [
      { offset: 0, size: 100 },
      { offset: 0, size: 0 },
    ];
    expect(freePlace(taken, 50)).toBe(100);
  });

  it('never overlaps what is taken, whatever came and went', () => {
    const event = fc.oneof(fc.record({ size: fc.nat(5) }), fc.record({ ends: fc.nat(3) }));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const taken: Place[] = [];
        for (const each of events) {
          if ('ends' in each) {
            taken.splice(each.ends, 1);
            continue;
          }
          const place = { offset: freePlace(taken, each.size), size: each.size };
          expect(taken.some((other) => overlap(other, place))).toBe(false);
          taken.push(place);
        }
      }),
    );
  });
});
