import { drawColor } from './color.ts';
import type { RowAddress } from './draws.ts';
import { drawTransform } from './geometry.ts';
import { drawBlurSigma, drawEraseBox, drawMix, drawNoise, gaussianTaps } from './pixels.ts';
import type { PixelBox } from './pixels.ts';
import { stream } from '../rng.ts';
import { augmentParts } from './settings.ts';
import type { AugmentSettings } from './settings.ts';
import { applyTransform } from './transform.ts';
import type { Size, Transform } from './transform.ts';

/** As ml/augment/augment-images.ts has it. */
const ERASED = 127.5;

/** Hands over after every row of pixels: a large picture takes seconds. */
type InSteps = Generator<undefined, Float32Array<ArrayBuffer>>;

/**
 * One draw of a picture for people to look at, with the same draws and in the same order as in training
 * (ml/augment/augment-images.ts), by plain loops: geometry, blur, colour, noise and erasing, not mixing. Height × width ×
 * 1 or 3 bytes become as many values from 0 to 255. `transform` is the row's own where boxes have a say in it
 * (core/detection/augment.ts). The noise is as strong as native TensorFlow's, of other normals.
 */
export function* augmentedInSteps(
  pixels: Uint8Array,
  size: Size,
  config: AugmentSettings,
  address: RowAddress,
  transform: Transform = drawTransform(config, address, size),
): InSteps {
  const parts = augmentParts(config);
  const grid = { ...size, channels: pixels.length / (size.heightPx * size.widthPx) };
  let values = Float32Array.from(pixels);
  if (parts.geometry) values = yield* moved(values, grid, transform);
  const sigma = drawBlurSigma(config, address);
  if (sigma > 0) values = yield* blurred(values, grid, gaussianTaps(sigma, parts.blurRadiusPx));
  const color = parts.color ? drawColor(config, address) : null;
  const noise = parts.noise ? drawNoise(config, address) : null;
  const row = grid.widthPx * grid.channels;
  for (let start = 0; start < values.length && (color || noise); start += row) {
    const line = values.subarray(start, start + row);
    if (color) recolor(line, grid.channels, color);
    if (noise) addNoise(line, start, noise);
    for (let at = 0; at < line.length; at++) line[at] = within(line[at] ?? 0);
    yield;
  }
  if (parts.erase) fillBox(values, grid, drawEraseBox(config, address, size));
  return values;
}

/** The same at once. */
export function augmentedValues(...given: Parameters<typeof augmentedInSteps>): Float32Array {
  const steps = augmentedInSteps(...given);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same as bytes. */
export const augmented = (...given: Parameters<typeof augmentedInSteps>): Uint8Array =>
  bytesOf(augmentedValues(...given));

/** A picture with its partner mixed in, both augmented: by a box of it (cutmix), by a share of it (mixup), or not at all. */
export function mixedValues(
  own: Float32Array,
  partner: Float32Array,
  size: Size,
  config: AugmentSettings,
  address: RowAddress,
): Float32Array {
  const { blendShare, box } = drawMix(config, address, size);
  const channels = own.length / (size.heightPx * size.widthPx);
  const mixed = own.map((value, at) => blendShare * value + (1 - blendShare) * (partner[at] ?? 0));
  eachRun(box, { ...size, channels }, (from, to) => {
    mixed.set(partner.subarray(from, to), from);
  });
  return mixed;
}

export const bytesOf = (values: Float32Array): Uint8Array =>
  Uint8Array.from(values, (value) => within(Math.round(value)));

const within = (value: number): number => Math.max(0, Math.min(255, value));

type Grid = Size & { readonly channels: number };

function fillBox(values: Float32Array, grid: Grid, box: PixelBox): void {
  eachRun(box, grid, (from, to) => values.fill(ERASED, from, to));
}

/** Where the rows of a box lie among the values. */
function eachRun(
  [y0, x0, y1, x1]: PixelBox,
  { widthPx, channels }: Grid,
  on: (from: number, to: number) => void,
): void {
  for (let y = y0; y < y1; y++) on(channels * (y * widthPx + x0), channels * (y * widthPx + x1));
}

/** Normals of the picture's own seed, as ml/augment/noise.ts draws them outside of native TensorFlow. */
function addNoise(
  line: Float32Array,
  start: number,
  { level, seed: [first, second] }: ReturnType<typeof drawNoise>,
): void {
  if (level === 0) return;
  const random = stream(first >>> 0, 'augment/noise-pixels');
  for (let at = 0; at < line.length; at++) {
    line[at] = (line[at] ?? 0) + level * random.normal(second >>> 0, start + at);
  }
}

/** Bilinear between pixel centres at whole numbers, black beyond the border. */
function* moved(values: Float32Array, { heightPx, widthPx, channels }: Grid, transform: Transform): InSteps {
  const result = new Float32Array(values.length);
  const at = (y: number, x: number, c: number): number =>
    y < 0 || x < 0 || y >= heightPx || x >= widthPx ? 0 : (values[channels * (y * widthPx + x) + c] ?? 0);
  for (let y = 0, place = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const [fx, fy] = applyTransform(transform, [x, y]);
      const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
      const [right, low] = [fx - x0, fy - y0];
      for (let c = 0; c < channels; c++) {
        const above = (1 - right) * at(y0, x0, c) + right * at(y0, x0 + 1, c);
        const below = (1 - right) * at(y0 + 1, x0, c) + right * at(y0 + 1, x0 + 1, c);
        result[place++] = (1 - low) * above + low * below;
      }
    }
    yield;
  }
  return result;
}

/** Down, then across; the pixels at the border go on beyond it. */
function* blurred(values: Float32Array, { heightPx, widthPx, channels }: Grid, taps: readonly number[]): InSteps {
  const row = channels * widthPx;
  const down = yield* along(values, taps, { length: heightPx, stride: row, lines: row, startOf: (line) => line });
  const startOf = (line: number): number => row * Math.floor(line / channels) + (line % channels);
  return yield* along(down, taps, { length: widthPx, stride: channels, lines: channels * heightPx, startOf });
}

interface Lines {
  readonly length: number;
  readonly stride: number;
  readonly lines: number;
  startOf(line: number): number;
}

function* along(from: Float32Array, taps: readonly number[], { length, stride, lines, startOf }: Lines): InSteps {
  const radius = (taps.length - 1) / 2;
  const result = new Float32Array(from.length);
  for (let line = 0; line < lines; line++) {
    const start = startOf(line);
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap++) {
        const j = Math.min(Math.max(i + tap - radius, 0), length - 1);
        sum += (taps[tap] ?? 0) * (from[start + j * stride] ?? 0);
      }
      result[start + i * stride] = sum;
    }
    yield;
  }
  return result;
}

/** matrix · rgb + offset; of a grey picture the sum of a row of the matrix, which all rows share. */
function recolor(values: Float32Array, channels: number, { matrix, offset }: ReturnType<typeof drawColor>): void {
  if (channels === 1) {
    const gain = matrix.slice(0, 3).reduce((sum, value) => sum + value, 0);
    for (let at = 0; at < values.length; at++) values[at] = gain * (values[at] ?? 0) + offset;
    return;
  }
  for (let at = 0; at < values.length; at += 3) {
    const [r, g, b] = [values[at] ?? 0, values[at + 1] ?? 0, values[at + 2] ?? 0];
    for (let c = 0; c < 3; c++) {
      const [x, y, z] = [matrix[3 * c] ?? 0, matrix[3 * c + 1] ?? 0, matrix[3 * c + 2] ?? 0];
      values[at + c] = x * r + y * g + z * b + offset;
    }
  }
}
