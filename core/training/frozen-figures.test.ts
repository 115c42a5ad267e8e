import { describe, expect, it } from 'vitest';
import { frozenFigures, frozenLine } from './frozen-figures.ts';
import type { KeptCodes } from './frozen-figures.ts';

const computed = { images: 1000, variants: null, computed: 1000, seconds: 12, reused: 0, reusedSeconds: 0 };
const lineOf = (kept: Partial<KeptCodes>, epochs = 10): string =>
  frozenLine(frozenFigures({ ...computed, reusedFrom: null, ...kept }, epochs));

describe('what a frozen trunk saved', () => {
  it('is every pass but the first', () => {
    expect(lineOf({})).toBe('frozen trunk: 1,000 images once (12 s) instead of 10,000 passes, saved about 108 s');
  });

  it('is every pass where another training had the codes', () => {
    const reused = { computed: 0, seconds: 0, reused: 1000, reusedSeconds: 12, reusedFrom: 'digits-7' };
    expect(lineOf(reused)).toBe(
      'frozen trunk: codes of 1,000 images reused from run digits-7 instead of 10,000 passes, saved about 120 s',
    );
  });

  it('counts both where some were there', () => {
    const some = { computed: 100, seconds: 2, reused: 900, reusedSeconds: 10, reusedFrom: 'digits-7' };
    expect(lineOf(some)).toBe(
      'frozen trunk: 100 passes (2.0 s), codes of 900 images reused from run digits-7 instead of 10,000 passes, saved about 119 s',
    );
  });

  it('is less with variants, and nothing where there were as many as epochs', () => {
    expect(lineOf({ variants: 4, computed: 3700, seconds: 37 })).toBe(
      'frozen trunk: 1,000 images in 4 variants (37 s) instead of 10,000 passes, saved about 63 s',
    );
    expect(lineOf({ variants: 1 }, 1)).toBe('frozen trunk: 1,000 images in 1 variant (12 s) instead of 1,000 passes');
    // Stopped early: more was computed than was needed.
    expect(frozenFigures({ ...computed, variants: 9, computed: 9000, reusedFrom: null }, 2)).toMatchObject({
      passes: 2000,
      passesSaved: 0,
      secondsSaved: 0,
    });
  });

  it('does not guess where nobody took the time', () => {
    expect(lineOf({ seconds: 0 })).toBe('frozen trunk: 1,000 images once (0.0 s) instead of 10,000 passes');
  });
});
