import { drawColor } from './color.ts';
import type { RowAddress } from './draws.ts';
import { drawTransform } from './geometry.ts';
import { drawBlurSigma, drawEraseBox, gaussianTaps } from './pixels.ts';
import { augmentParts, blurRadiusPx } from './settings.ts';
import type { AugmentSettings } from './settings.ts';
import { applyTransform } from './transform.ts';
import type { Size, Transform } from './transform.ts';

/** As ml/augment/augment-images.ts has it. */
const ERASED = 127.5;

/**
 * One draw of a picture for people to look at: geometry, blur, colour and erasing with the same draws and in the same
 * order as in training (ml/augment/augment-images.ts), by plain loops. Noise and mixing with others are left out.
 * RGB, height × width × 3 bytes.
 */
export function augmented(pixels: Uint8Array, size: Size, config: AugmentSettings, address: RowAddress): Uint8Array {
  const parts = augmentParts(config);
  let values = Float32Array.from(pixels);
  if (parts.geometry) values = moved(values, size, drawTransform(config, address, size));
  const sigma = drawBlurSigma(config, address);
  if (sigma > 0) values = blurred(values, size, gaussianTaps(sigma, blurRadiusPx(sigma)));
  if (parts.color) recolor(values, drawColor(config, address));
  if (parts.erase) {
    const [y0, x0, y1, x1] = drawEraseBox(config, address, size);
    for (let y = y0; y < y1; y++) values.fill(ERASED, 3 * (y * size.widthPx + x0), 3 * (y * size.widthPx + x1));
  }
  return Uint8Array.from(values, (value) => Math.max(0, Math.min(255, Math.round(value))));
}

/** Bilinear between pixel centres at whole numbers, black beyond the border. */
function moved(values: Float32Array, { heightPx, widthPx }: Size, transform: Transform): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  const at = (y: number, x: number, c: number): number =>
    y < 0 || x < 0 || y >= heightPx || x >= widthPx ? 0 : (values[3 * (y * widthPx + x) + c] ?? 0);
  for (let y = 0, place = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const [fx, fy] = applyTransform(transform, [x, y]);
      const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
      const [right, low] = [fx - x0, fy - y0];
      for (let c = 0; c < 3; c++) {
        const above = (1 - right) * at(y0, x0, c) + right * at(y0, x0 + 1, c);
        const below = (1 - right) * at(y0 + 1, x0, c) + right * at(y0 + 1, x0 + 1, c);
        result[place++] = (1 - low) * above + low * below;
      }
    }
  }
  return result;
}

/** Down, then across; the pixels at the border go on beyond it. */
function blurred(
  values: Float32Array,
  { heightPx, widthPx }: Size,
  taps: readonly number[],
): Float32Array<ArrayBuffer> {
  const radius = (taps.length - 1) / 2;
  const along = (
    from: Float32Array,
    length: number,
    stride: number,
    start: (line: number) => number,
    lines: number,
  ) => {
    const result = new Float32Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (const [tap, weight] of taps.entries()) {
          const j = Math.min(Math.max(i + tap - radius, 0), length - 1);
          sum += weight * (from[start(line) + j * stride] ?? 0);
        }
        result[start(line) + i * stride] = sum;
      }
    }
    return result;
  };
  const down = along(values, heightPx, 3 * widthPx, (line) => line, 3 * widthPx);
  return along(down, widthPx, 3, (line) => 3 * widthPx * Math.floor(line / 3) + (line % 3), 3 * heightPx);
}

function recolor(values: Float32Array, { matrix, offset }: ReturnType<typeof drawColor>): void {
  for (let at = 0; at < values.length; at += 3) {
    const [r = 0, g = 0, b = 0] = values.subarray(at, at + 3);
    for (let c = 0; c < 3; c++) {
      const [x = 0, y = 0, z = 0] = matrix.slice(3 * c, 3 * c + 3);
      values[at + c] = Math.max(0, Math.min(255, x * r + y * g + z * b + offset));
    }
  }
}
