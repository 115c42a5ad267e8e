import type { RowAddress } from './draws.ts';
import { aroundZero, rowUniforms } from './draws.ts';
import type { AugmentSettings } from './settings.ts';

/** out = matrix · [r, g, b] + offset, on the scale of 0 to 255. The rows are equal in sum, so grey stays grey. */
export interface ColorChange {
  /** 3 × 3, row by row. */
  readonly matrix: readonly number[];
  /** The same for all three channels. */
  readonly offset: number;
}

export interface ColorAmounts {
  /** Share of 255 that is added. */
  readonly brightness: number;
  /** Factors of the distance from mid-grey and from the pixel's own grey: 1 changes nothing. */
  readonly contrast: number;
  readonly saturation: number;
  /** Share of the colour circle: 1/3 makes red green. */
  readonly hue: number;
}

const MID_GREY = 127.5;

/** Luma of ITU-R BT.601, as in TensorFlow's and PyTorch's grey conversions. */
const LUMA = [0.299, 0.587, 0.114];

export function drawColor(config: AugmentSettings, address: RowAddress): ColorChange {
  const [brightness, contrast, saturation, hue] = rowUniforms(address, 'color');
  return colorChange({
    brightness: aroundZero(brightness, config.brightness),
    contrast: 1 + aroundZero(contrast, config.contrast),
    saturation: 1 + aroundZero(saturation, config.saturation),
    hue: aroundZero(hue, config.hue),
  });
}

/** Contrast, then saturation, then hue, then brightness, as one matrix and one offset. */
export function colorChange({ brightness, contrast, saturation, hue }: ColorAmounts): ColorChange {
  const turned = multiply(hueMatrix(hue), saturationMatrix(saturation));
  return {
    matrix: turned.map((value) => value * contrast),
    offset: MID_GREY * (1 - contrast) + 255 * brightness,
  };
}

/** Each channel's distance from the luma times `factor`. */
function saturationMatrix(factor: number): number[] {
  return CELLS.map(([row, column]) => (row === column ? factor : 0) + (1 - factor) * (LUMA[column] ?? 0));
}

/** A turn about the grey axis (Rodrigues' formula about (1, 1, 1)/√3): the sum of the channels stays. */
function hueMatrix(share: number): number[] {
  const [cos, sin] = [Math.cos(2 * Math.PI * share), Math.sin(2 * Math.PI * share)];
  const across = (row: number, column: number): number => {
    if (row === column) return 0;
    return (row + 1) % 3 === column ? -1 : 1;
  };
  return CELLS.map(
    ([row, column]) => (row === column ? cos : 0) + (1 - cos) / 3 + (sin / Math.sqrt(3)) * across(row, column),
  );
}

function multiply(a: readonly number[], b: readonly number[]): number[] {
  const cell = (row: number, column: number): number =>
    [0, 1, 2].reduce((sum, k) => sum + (a[3 * row + k] ?? 0) * (b[3 * k + column] ?? 0), 0);
  return CELLS.map(([row, column]) => cell(row, column));
}

/** [row, column] of the nine cells. */
const CELLS = Array.from({ length: 9 }, (_, cell): [number, number] => [Math.floor(cell / 3), cell % 3]);
