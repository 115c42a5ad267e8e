import { drawColor } from './color.ts';
import type { RowAddress } from './draws.ts';
import { drawTransform } from './geometry.ts';
import { drawBlurSigma, drawEraseBox, drawMix, drawNoise, gaussianTaps } from './pixels.ts';
import type { AugmentSettings } from './settings.ts';
import { augmentParts } from './settings.ts';

/** Values of a tensor with the batch as its first dimension. */
export type AugmentInput =
  | { readonly shape: readonly number[]; readonly dtype: 'float32'; readonly values: Float32Array }
  | { readonly shape: readonly number[]; readonly dtype: 'int32'; readonly values: Int32Array };

export interface AugmentInputShape {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** The rows of a batch, in order, and where their draws are addressed. */
export interface AugmentBatch {
  readonly seed: number;
  readonly epoch: number;
  readonly indexes: readonly number[];
  readonly heightPx: number;
  readonly widthPx: number;
}

/** One input: its cells a row, and what they are for a row. */
interface Source {
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  /** Shape without the batch. */
  readonly cell: readonly number[];
  draw(address: RowAddress, batch: AugmentBatch): readonly number[];
}

/**
 * Everything that differs from image to image, drawn for a batch: what `augmentImages` and `mixTargets` take as tensors.
 * Only what the configuration needs is there:
 *
 * | name | shape | |
 * |---|---|---|
 * | `transform` | [n, 8] | output pixel → input pixel (transform.ts) |
 * | `blurTaps` | [n, 2·radius + 1] | weights of the blur, the same down and across |
 * | `colorMatrix`, `colorOffset` | [n, 3, 3], [n] | out = matrix · rgb + offset |
 * | `noiseSeed`, `noiseLevel` | int32 [n, 2], [n] | seed and standard deviation |
 * | `eraseBox` | [n, 4] | y0, x0, y1, x1 in whole pixels |
 * | `mixupShare` | [n] | the image's own share of a blend; 1 for none |
 * | `cutmixBox` | [n, 4] | the box that shows the partner; empty for none |
 * | `targetShare` | [n] | the image's own share of its target |
 *
 * Every value is a function of (seed, purpose, epoch, row index) alone: never of what else is in the batch or of the
 * order. The partner that mixup and cutmix take is the one thing that is the batch's: the next row, the first for the
 * last (a batch of one is its own partner). How much of it is taken is the row's own draw.
 */
export function augmentationInputs(config: AugmentSettings, batch: AugmentBatch): Record<string, AugmentInput> {
  const addresses = batch.indexes.map((index) => ({ seed: batch.seed, epoch: batch.epoch, index }));
  return Object.fromEntries(
    sourcesOf(config).map(({ name, dtype, cell, draw }) => {
      const shape = [addresses.length, ...cell];
      const values = addresses.flatMap((address) => draw(address, batch));
      return [
        name,
        dtype === 'int32'
          ? { shape, dtype, values: Int32Array.from(values) }
          : { shape, dtype, values: Float32Array.from(values) },
      ];
    }),
  );
}

/** Names, shapes and types of what `augmentationInputs` gives for a batch of this size, to declare a graph's inputs. */
export function augmentationInputShapes(config: AugmentSettings, batch: number): Record<string, AugmentInputShape> {
  return Object.fromEntries(
    sourcesOf(config).map(({ name, dtype, cell }) => [name, { shape: [batch, ...cell], dtype }]),
  );
}

function sourcesOf(config: AugmentSettings): readonly Source[] {
  const parts = augmentParts(config);
  return [
    ...(parts.geometry ? geometrySources(config) : []),
    ...(parts.blurRadiusPx > 0 ? blurSources(config, parts.blurRadiusPx) : []),
    ...(parts.color ? colorSources(config) : []),
    ...(parts.noise ? noiseSources(config) : []),
    ...(parts.erase ? eraseSources(config) : []),
    ...(parts.mixup || parts.cutmix ? mixSources(config) : []),
  ];
}

function geometrySources(config: AugmentSettings): Source[] {
  const draw: Source['draw'] = (address, batch) => drawTransform(config, address, batch);
  return [{ name: 'transform', dtype: 'float32', cell: [8], draw }];
}

function blurSources(config: AugmentSettings, radiusPx: number): Source[] {
  const draw: Source['draw'] = (address) => gaussianTaps(drawBlurSigma(config, address), radiusPx);
  return [{ name: 'blurTaps', dtype: 'float32', cell: [2 * radiusPx + 1], draw }];
}

function colorSources(config: AugmentSettings): Source[] {
  return [
    { name: 'colorMatrix', dtype: 'float32', cell: [3, 3], draw: (address) => drawColor(config, address).matrix },
    { name: 'colorOffset', dtype: 'float32', cell: [], draw: (address) => [drawColor(config, address).offset] },
  ];
}

function noiseSources(config: AugmentSettings): Source[] {
  return [
    { name: 'noiseSeed', dtype: 'int32', cell: [2], draw: (address) => drawNoise(config, address).seed },
    { name: 'noiseLevel', dtype: 'float32', cell: [], draw: (address) => [drawNoise(config, address).level] },
  ];
}

function eraseSources(config: AugmentSettings): Source[] {
  const draw: Source['draw'] = (address, batch) => drawEraseBox(config, address, batch);
  return [{ name: 'eraseBox', dtype: 'float32', cell: [4], draw }];
}

function mixSources(config: AugmentSettings): Source[] {
  const { mixup, cutmix } = augmentParts(config);
  const draw = (address: RowAddress, batch: AugmentBatch) => drawMix(config, address, batch);
  const share: Source = {
    name: 'mixupShare',
    dtype: 'float32',
    cell: [],
    draw: (address, batch) => [draw(address, batch).blendShare],
  };
  const box: Source = {
    name: 'cutmixBox',
    dtype: 'float32',
    cell: [4],
    draw: (address, batch) => draw(address, batch).box,
  };
  const target: Source = {
    name: 'targetShare',
    dtype: 'float32',
    cell: [],
    draw: (address, batch) => [draw(address, batch).targetShare],
  };
  return [...(mixup ? [share] : []), ...(cutmix ? [box] : []), target];
}
