/** What people are shown is what training sees: core/augment/show.ts beside augmentImages. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { augmentedValues, bytesOf, mixedValues } from '../../core/augment/show.ts';
import { EVERYTHING, NOTHING } from '../../core/augment/testing.ts';
import { drawn, pictures } from '../../test/lib/augment-reference.ts';
import type { Shape } from '../../test/lib/augment-reference.ts';
import { augmentImages } from './augment-images.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

/** As `drawn` addresses them. */
const address = (index: number) => ({ seed: 5, epoch: 3, index });

function shown(config: AugmentSettings, images: tf.Tensor4D, indexes: readonly number[]): number[] {
  const [rows, heightPx, widthPx, channels] = images.shape;
  const size = { heightPx, widthPx };
  const values = images.dataSync();
  const cell = heightPx * widthPx * channels;
  const each = indexes.map((index, row) =>
    augmentedValues(Uint8Array.from(values.slice(row * cell, (row + 1) * cell)), size, config, address(index)),
  );
  return each.flatMap((own, row) => {
    const partner = each[(row + 1) % rows] ?? own;
    return [...mixedValues(own, partner, size, config, address(indexes[row] ?? 0))];
  });
}

const single: [string, Partial<AugmentSettings>][] = (
  [
    'flipHorizontal flipVertical crop zoom rotateDegrees translate brightness contrast saturation hue',
    'blur noise erase mixup cutmix',
  ]
    .join(' ')
    .split(' ') as (keyof AugmentSettings)[]
).map((name) => [name, { [name]: EVERYTHING[name] }]);

describe('a draw for people', () => {
  it.each([...single, ['everything', EVERYTHING] as [string, Partial<AugmentSettings>]])(
    'is training’s: %s',
    (name, change) => {
      const config = { ...NOTHING, ...change };
      const indexes = Array.from({ length: 12 }, (_, i) => 40 + i);
      for (const shape of [
        [12, 13, 19, 3],
        [12, 16, 11, 1],
      ] satisfies Shape[]) {
        const images = pictures(shape);
        const seen = shown(config, images, indexes);
        const wanted = augmentImages(config, images, drawn(config, indexes, shape)).dataSync();
        const most = seen.reduce((max, value, at) => Math.max(max, Math.abs(value - (wanted[at] ?? NaN))), 0);
        expect(most).toBeLessThan(0.05);
        // Grey stays grey.
        if (shape[3] === 1 && /^(saturation|hue)$/.test(name)) continue;
        expect(seen.some((value, at) => Math.abs(value - (images.dataSync()[at] ?? 0)) > 5)).toBe(true);
      }
    },
  );

  it('with nothing on is the picture', () => {
    const images = pictures([1, 8, 8, 3]);
    const pixels = Uint8Array.from(images.dataSync());
    expect(bytesOf(augmentedValues(pixels, { heightPx: 8, widthPx: 8 }, NOTHING, address(1)))).toEqual(pixels);
  });
});
