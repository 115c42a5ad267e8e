import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { gaussianTaps } from '../../core/augment/pixels.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { blurRadiusPx } from '../../core/augment/settings.ts';
import { EVERYTHING, NOTHING } from '../../core/augment/testing.ts';
import type { Transform } from '../../core/augment/transform.ts';
import { rotateBy } from '../../core/augment/transform.ts';
import { stream } from '../../core/rng.ts';
import { augmentImages, mixTargets } from '../../ml/augment/augment-images.ts';
import { bilinear, clipped, distance, drawn, expected, pictures, reader } from './augment-reference.ts';

/** What augmentation must do on every backend: run by the tests of native TensorFlow and of plain JavaScript. */

export function describeAugmentation(): void {
  describe('geometry', geometry);
  describe('colour', colour);
  describe('blur', blurring);
  describe('noise', noisy);
  describe('an erased box', erasing);
  describe('mixing', mixing);
  describe('everything', everything);
}

function moved(images: tf.Tensor4D, transforms: readonly Transform[]): tf.Tensor4D {
  return augmentImages({ ...NOTHING, translate: 1 }, images, { transform: tf.tensor2d(transforms.map((t) => [...t])) });
}

function geometry(): void {
  it.each<[string, Partial<AugmentSettings>, boolean, boolean]>([
    ['left to right', { flipHorizontal: 1 }, true, false],
    ['upside down', { flipVertical: 1 }, false, true],
    ['both ways', { flipHorizontal: 1, flipVertical: 1 }, true, true],
  ])('flips %s to the very pixels', (_name, change, across, down) => {
    for (const shape of [
      [3, 5, 8, 3],
      [2, 32, 17, 1],
    ] as const) {
      const images = pictures(shape);
      const config = { ...NOTHING, ...change };
      const indexes = Array.from({ length: shape[0] }, (_, i) => i);
      const seen = augmentImages(config, images, drawn(config, indexes, shape));
      const read = reader(images);
      const [, h, w] = shape;
      const wanted = expected(shape, (n, y, x, c) => read(n, down ? h - 1 - y : y, across ? w - 1 - x : x, c));
      expect([...seen.dataSync()]).toEqual(wanted);
    }
  });

  it('flips half of a batch and leaves the others as they are', () => {
    const shape = [16, 6, 6, 3] as const;
    const config = { ...NOTHING, flipHorizontal: 0.5 };
    const images = pictures(shape);
    const indexes = Array.from({ length: 16 }, (_, i) => 100 + i);
    const read = reader(images);
    const { uniform } = stream(5, 'augment/flip-horizontal');
    const flips = indexes.map((index) => uniform(3, index) < 0.5);
    expect(new Set(flips).size).toBe(2);
    const wanted = expected(shape, (n, y, x, c) => read(n, y, flips[n] ? 5 - x : x, c));
    expect([...augmentImages(config, images, drawn(config, indexes, shape)).dataSync()]).toEqual(wanted);
  });

  it('turns a square by quarters to the very pixels', () => {
    const images = pictures([3, 9, 9, 3]);
    const size = { heightPx: 9, widthPx: 9 };
    const read = reader(images);
    const seen = moved(images, [rotateBy(90, size), rotateBy(-90, size), rotateBy(180, size)]);
    const wanted = expected([3, 9, 9, 3], (n, y, x, c) => {
      if (n === 0) return read(n, 8 - x, y, c);
      return n === 1 ? read(n, x, 8 - y, c) : read(n, 8 - y, 8 - x, c);
    });
    expect([...seen.dataSync()]).toEqual(wanted);
  });

  it.each<[string, Partial<AugmentSettings>]>([
    ['crops', { crop: { area: [0.2, 0.9], aspect: [0.5, 2] } }],
    ['zooms, turns and shifts', { zoom: [0.7, 1.5], rotateDegrees: 30, translate: 0.2 }],
  ])('%s as bilinear interpolation in plain JavaScript', (_name, change) => {
    const shape = [6, 12, 16, 3] as const;
    const config = { ...NOTHING, ...change };
    const images = pictures(shape);
    const inputs = drawn(config, [0, 1, 2, 3, 4, 5], shape);
    const rows = inputs['transform']!.arraySync() as unknown as Transform[];
    // Single precision places a point within some 4e-6 pixels; two neighbours differ by up to 255.
    const range = 255;
    expect(distance(augmentImages(config, images, inputs), bilinear(images, rows)) / range).toBeLessThan(1e-4);
  });
}

function colour(): void {
  const config = { ...NOTHING, brightness: 0.3, contrast: 0.5, saturation: 0.5, hue: 0.2 };
  const shape = [4, 5, 6, 3] as const;

  it('is matrix · rgb + offset, kept within 0 and 255', () => {
    const images = pictures(shape);
    const inputs = drawn(config, [0, 1, 2, 3], shape);
    const [matrix, offset] = [inputs['colorMatrix']!.dataSync(), inputs['colorOffset']!.dataSync()];
    const read = reader(images);
    const wanted = expected(shape, (n, y, x, c) => {
      const terms = [0, 1, 2].map((k) => matrix[9 * n + 3 * c + k]! * read(n, y, x, k));
      return clipped(terms.reduce((sum, term) => sum + term, offset[n] ?? 0));
    });
    expect(wanted.some((value) => value === 0) && wanted.some((value) => value === 255)).toBe(true);
    expect(distance(augmentImages(config, images, inputs), wanted)).toBeLessThan(1e-3);
  });

  it('of gray pictures is contrast and brightness', () => {
    const images = pictures([4, 5, 6, 1]);
    const inputs = drawn(config, [0, 1, 2, 3], shape);
    const rgb = tf.tile(images, [1, 1, 1, 3]);
    const gray = tf.tile(augmentImages(config, images, inputs), [1, 1, 1, 3]);
    expect(distance(gray, [...augmentImages(config, rgb, inputs).dataSync()])).toBeLessThan(1e-3);
  });
}

function blurring(): void {
  it.each([[[4, 14, 11, 3]], [[4, 5, 4, 1]]] as const)('%j is a Gaussian that goes on beyond the border', (shape) => {
    const config = { ...NOTHING, blur: { probability: 0.5, sigmaPx: [0.5, 2.2] as const } };
    const radius = blurRadiusPx(2.2);
    const sigmas = [0.5, 0, 1.3, 2.2];
    const images = pictures(shape);
    const read = reader(images);
    const [, h, w] = shape;
    const within = (value: number, length: number): number => Math.min(Math.max(value, 0), length - 1);
    const wanted = expected(shape, (n, y, x, c) => {
      const weigh = (d: number, sigma: number): number =>
        sigma === 0 ? (d === 0 ? 1 : 0) : Math.exp(-(d * d) / (2 * sigma * sigma));
      let sum = 0;
      let total = 0;
      for (let dy = -radius; dy <= radius; dy++)
        for (let dx = -radius; dx <= radius; dx++) {
          const weight = weigh(dy, sigmas[n]!) * weigh(dx, sigmas[n]!);
          total += weight;
          sum += weight * read(n, within(y + dy, h), within(x + dx, w), c);
        }
      return sum / total;
    });
    const taps = tf.tensor2d(sigmas.map((sigma) => gaussianTaps(sigma, radius)));
    const seen = augmentImages(config, images, { blurTaps: taps });
    expect(distance(seen, wanted)).toBeLessThan(1e-3);
    const second = tf.slice4d(seen, [1, 0, 0, 0], [1, -1, -1, -1]).dataSync();
    expect([...second]).toEqual([...tf.slice4d(images, [1, 0, 0, 0], [1, -1, -1, -1]).dataSync()]);
  });
}

function noisy(): void {
  const config = { ...NOTHING, noise: { probability: 1, standardDeviation: 20 } };
  const shape = [3, 40, 40, 3] as const;
  const of = (indexes: readonly number[]): number[][] => {
    const images = tf.fill([indexes.length, 40, 40, 3], 128) as tf.Tensor4D;
    const seen = augmentImages(config, images, drawn(config, indexes, shape)).dataSync();
    return indexes.map((_, i) => [...seen.subarray(i * 4800, (i + 1) * 4800)]);
  };

  it('has mean 0 and the standard deviation of each image, and level 0 changes nothing', () => {
    const seeds = tf.tensor2d([1, 2, 1, 3, -5, 6], [3, 2], 'int32');
    const grey = tf.fill([...shape], 128) as tf.Tensor4D;
    const seen = augmentImages(config, grey, { noiseSeed: seeds, noiseLevel: tf.tensor1d([4, 0, 16]) });
    for (const [n, level] of [4, 0, 16].entries()) {
      const values = [...tf.slice4d(seen, [n, 0, 0, 0], [1, -1, -1, -1]).dataSync()];
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      if (level === 0) expect(new Set(values)).toEqual(new Set([128]));
      expect(Math.abs(mean - 128)).toBeLessThanOrEqual((4 * level) / Math.sqrt(4800));
      expect(Math.abs(deviation - level)).toBeLessThanOrEqual(0.05 * level);
    }
  });

  it('is the row’s own: the same in any batch, another for another row', () => {
    const [first, second] = of([7, 8]);
    expect(of([8, 9, 7])[2]).toEqual(first);
    expect(of([8])[0]).toEqual(second);
    expect(first).not.toEqual(second);
  });
}

function erasing(): void {
  it('is grey, and the rest is as it was', () => {
    const shape = [3, 7, 9, 3] as const;
    const images = pictures(shape);
    const read = reader(images);
    const boxes = [
      [1, 2, 4, 9],
      [0, 0, 0, 0],
      [6, 0, 7, 1],
    ];
    const config = { ...NOTHING, erase: EVERYTHING.erase };
    const seen = augmentImages(config, images, { eraseBox: tf.tensor2d(boxes) });
    const wanted = expected(shape, (n, y, x, c) => {
      const [y0, x0, y1, x1] = boxes[n]!;
      return y >= y0! && y < y1! && x >= x0! && x < x1! ? 127.5 : read(n, y, x, c);
    });
    expect([...seen.dataSync()]).toEqual(wanted);
  });
}

function mixing(): void {
  const shape = [3, 6, 5, 3] as const;

  it('by mixup blends with the next of the batch, the last with the first', () => {
    const config = { ...NOTHING, mixup: { probability: 1, alpha: 1 } };
    const images = pictures(shape);
    const read = reader(images);
    const shares = [0.25, 1, 0.9];
    const seen = augmentImages(config, images, { mixupShare: tf.tensor1d(shares) });
    const wanted = expected(
      shape,
      (n, ...at) => shares[n]! * read(n, ...at) + (1 - shares[n]!) * read((n + 1) % 3, ...at),
    );
    expect(distance(seen, wanted)).toBeLessThan(1e-4);
  });

  it('by cutmix takes a box of the next of the batch to the very pixels', () => {
    const config = { ...NOTHING, cutmix: { probability: 1, alpha: 1 } };
    const images = pictures(shape);
    const read = reader(images);
    const boxes = [
      [1, 0, 3, 5],
      [0, 0, 0, 0],
      [0, 2, 6, 4],
    ];
    const seen = augmentImages(config, images, { cutmixBox: tf.tensor2d(boxes) });
    const wanted = expected(shape, (n, y, x, c) => {
      const [y0, x0, y1, x1] = boxes[n]!;
      return read(y >= y0! && y < y1! && x >= x0! && x < x1! ? (n + 1) % 3 : n, y, x, c);
    });
    expect([...seen.dataSync()]).toEqual(wanted);
  });

  it('of targets goes with the images, and every target’s sum stays 1', () => {
    const indexes = [3, 4, 5, 6, 7, 8];
    const inputs = drawn(EVERYTHING, indexes, shape);
    const targets = tf.oneHot(tf.tensor1d([0, 1, 2, 3, 0, 2], 'int32'), 4).toFloat() as tf.Tensor2D;
    const mixed = mixTargets(EVERYTHING, targets, inputs);
    const shares = inputs['targetShare']!.dataSync();
    const own = targets.arraySync();
    const wanted = own.flatMap((row, i) =>
      row.map((v, k) => shares[i]! * v + (1 - shares[i]!) * own[(i + 1) % 6]![k]!),
    );
    expect(distance(mixed, wanted)).toBeLessThan(1e-6);
    expect(distance(tf.sum(mixed, 1), [1, 1, 1, 1, 1, 1])).toBeLessThan(1e-6);
    expect([...mixTargets({ ...EVERYTHING, mixup: null, cutmix: null }, targets, {}).dataSync()]).toEqual(own.flat());
  });

  it('of a batch of one changes nothing', () => {
    const one = [1, 6, 5, 3] as const;
    const config = { ...NOTHING, cutmix: EVERYTHING.cutmix, mixup: EVERYTHING.mixup };
    const images = pictures(one);
    const seen = augmentImages(config, images, drawn(config, [4], one));
    expect(distance(seen, [...images.dataSync()])).toBeLessThan(1e-4);
  });
}

function everything(): void {
  it.each([[[5, 16, 12, 3]], [[5, 12, 16, 1]]] as const)('%j keeps shape and range, the same bits twice', (shape) => {
    const images = pictures(shape);
    const before = [...images.dataSync()];
    const inputs = drawn(EVERYTHING, [0, 1, 2, 3, 4], shape);
    const seen = augmentImages(EVERYTHING, images, inputs);
    const values = [...seen.dataSync()];
    expect(seen.shape).toEqual([...shape]);
    expect(seen.dtype).toBe('float32');
    expect(values.every((value) => value >= 0 && value <= 255)).toBe(true);
    expect([...augmentImages(EVERYTHING, images, inputs).dataSync()]).toEqual(values);
    expect(values).not.toEqual(before);
    expect([...images.dataSync()]).toEqual(before);
  });

  it('leaves no tensors behind but its outcome', () => {
    const shape = [4, 8, 8, 3] as const;
    const images = pictures(shape);
    const inputs = drawn(EVERYTHING, [0, 1, 2, 3], shape);
    const targets = tf.ones<tf.Rank.R2>([4, 2]);
    const before = tf.memory().numTensors;
    const outcome = [augmentImages(EVERYTHING, images, inputs), mixTargets(EVERYTHING, targets, inputs)];
    expect(tf.memory().numTensors).toBe(before + 2);
    tf.dispose(outcome);
    tf.dispose([augmentImages(NOTHING, images, {}), mixTargets(NOTHING, targets, {})]);
    expect(tf.memory().numTensors).toBe(before);
    expect([...images.dataSync()]).toHaveLength(4 * 8 * 8 * 3);
  });

  it('off is the images themselves; inputs of another setting are missed by name', () => {
    const images = pictures([2, 4, 4, 3]);
    expect([...augmentImages(NOTHING, images, {}).dataSync()]).toEqual([...images.dataSync()]);
    expect(() => augmentImages(EVERYTHING, images, {})).toThrow('augmentation needs the input transform');
    const config = { ...NOTHING, hue: 0.1 };
    const four = pictures([1, 2, 2, 4]);
    expect(() => augmentImages(config, four, drawn(config, [0], [1, 2, 2, 3]))).toThrow('4 channels: 1 or 3');
  });
}
