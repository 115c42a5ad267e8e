import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import type { AugmentBatch } from './inputs.ts';
import { augmentationInputs, augmentationInputShapes } from './inputs.ts';
import type { AugmentSettings } from './settings.ts';
import { isAugmenting } from './settings.ts';
import { EVERYTHING, NOTHING } from './testing.ts';

const SIZE = { heightPx: 24, widthPx: 32 };
const draw = (config: AugmentSettings, indexes: readonly number[], place: Partial<AugmentBatch> = {}) =>
  augmentationInputs(config, { seed: 3, epoch: 2, ...SIZE, indexes, ...place });

/** The values of one row of every input. */
function row(inputs: ReturnType<typeof draw>, at: number): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, values }]) => {
      const cells = shape.slice(1).reduce((product, side) => product * side, 1);
      return [name, [...values.subarray(at * cells, (at + 1) * cells)]];
    }),
  );
}

const batches = fc.uniqueArray(fc.nat({ max: 2 ** 40 }), { minLength: 1, maxLength: 6 });

describe('the draws of a row', () => {
  it('hang on seed, epoch and row, not on the batch, its order or its length', () => {
    fc.assert(
      fc.property(batches, fc.nat({ max: 50 }), fc.nat({ max: 2 ** 40 }), (indexes, epoch, seed) => {
        const together = draw(EVERYTHING, indexes, { epoch, seed });
        for (const [i, index] of indexes.entries()) {
          expect(row(together, i)).toEqual(row(draw(EVERYTHING, [index], { epoch, seed }), 0));
        }
        expect(row(draw(EVERYTHING, indexes.toReversed(), { epoch, seed }), 0)).toEqual(
          row(together, indexes.length - 1),
        );
      }),
      { seed: 9, numRuns: 40 },
    );
  });

  it.each(Object.keys(augmentationInputShapes(EVERYTHING, 1)))('%s differs over rows, epochs and seeds', (name) => {
    const rows = Array.from({ length: 24 }, (_, index) => index);
    const distinct = (lines: Record<string, number[]>[]): number =>
      new Set(lines.map((line) => line[name]?.join())).size;
    expect(distinct(rows.map((index) => row(draw(EVERYTHING, [index]), 0)))).toBeGreaterThan(3);
    expect(distinct(rows.map((epoch) => row(draw(EVERYTHING, [5], { epoch }), 0)))).toBeGreaterThan(3);
    expect(distinct(rows.map((seed) => row(draw(EVERYTHING, [5], { seed }), 0)))).toBeGreaterThan(3);
  });

  it('of one setting do not hang on another', () => {
    const alone = draw({ ...NOTHING, erase: EVERYTHING.erase, noise: EVERYTHING.noise }, [1, 2, 3]);
    const all = draw(EVERYTHING, [1, 2, 3]);
    expect(alone['eraseBox']).toEqual(all['eraseBox']);
    expect(alone['noiseSeed']).toEqual(all['noiseSeed']);
  });

  it('flip the same images as ever: stream(seed, augment/flip-horizontal) below the probability', () => {
    const { uniform } = stream(3, 'augment/flip-horizontal');
    const indexes = Array.from({ length: 40 }, (_, i) => i);
    const inputs = draw({ ...NOTHING, flipHorizontal: 0.5 }, indexes);
    const flipped = indexes.filter((i) => row(inputs, i)['transform']?.[0] === -1);
    expect(flipped).toEqual(indexes.filter((i) => uniform(2, i) < 0.5));
    expect(flipped.length).toBeGreaterThan(5);
    expect(flipped.length).toBeLessThan(35);
  });
});

describe('inputs', () => {
  it('are none where everything is off', () => {
    expect(isAugmenting(NOTHING)).toBe(false);
    expect(draw(NOTHING, [1, 2])).toEqual({});
    const never = { ...EVERYTHING.blur!, probability: 0 };
    expect(isAugmenting({ ...NOTHING, blur: never })).toBe(false);
    expect(draw({ ...NOTHING, blur: never }, [1])).toEqual({});
  });

  it.each<[Partial<AugmentSettings>, string[]]>([
    [{ flipHorizontal: 0.5 }, ['transform']],
    [{ flipVertical: 0.5 }, ['transform']],
    [{ crop: EVERYTHING.crop }, ['transform']],
    [{ zoom: [0.9, 1.1] }, ['transform']],
    [{ rotateDegrees: 5, translate: 0.1 }, ['transform']],
    [{ translate: 0.1 }, ['transform']],
    [{ brightness: 0.1 }, ['colorMatrix', 'colorOffset']],
    [{ contrast: 0.1 }, ['colorMatrix', 'colorOffset']],
    [{ saturation: 0.1, hue: 0.1 }, ['colorMatrix', 'colorOffset']],
    [{ hue: 0.1 }, ['colorMatrix', 'colorOffset']],
    [{ blur: EVERYTHING.blur }, ['blurTaps']],
    [{ noise: EVERYTHING.noise }, ['noiseSeed', 'noiseLevel']],
    [{ erase: EVERYTHING.erase }, ['eraseBox']],
    [{ mixup: EVERYTHING.mixup }, ['mixupShare', 'targetShare']],
    [{ cutmix: EVERYTHING.cutmix }, ['cutmixBox', 'targetShare']],
  ])('of %j are %j alone', (change, names) => {
    const config = { ...NOTHING, ...change };
    expect(isAugmenting(config)).toBe(true);
    expect(Object.keys(draw(config, [1, 2]))).toEqual(names);
  });

  it('have the shapes and types that are declared', () => {
    const inputs = draw(EVERYTHING, [4, 5, 6]);
    const shapes = augmentationInputShapes(EVERYTHING, 3);
    expect(Object.keys(inputs)).toEqual(Object.keys(shapes));
    for (const [name, { shape, dtype, values }] of Object.entries(inputs)) {
      expect({ shape, dtype }).toEqual(shapes[name]);
      expect(values.length).toBe(shape.reduce((product, side) => product * side, 1));
      expect(values).toBeInstanceOf(dtype === 'int32' ? Int32Array : Float32Array);
    }
    expect(shapes).toMatchObject({
      transform: { shape: [3, 8] },
      blurTaps: { shape: [3, 13] },
      noiseSeed: { shape: [3, 2] },
    });
  });
});
