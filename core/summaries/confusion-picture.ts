import type { Picture } from './summary.ts';

/** The picture is about this wide; with more classes than this, a class is a pixel. */
const SIDE_PX = 320;
/** Pictures of more classes would be of millions of pixels. */
const MAX_CLASSES = 2000;

/**
 * A confusion matrix as a picture: rows are true classes, columns predicted ones, and a cell is darker the larger its
 * share of the row. White is 0, dark blue 1. Null where there are too many classes to draw.
 */
export function confusionPicture(confusion: readonly (readonly number[])[]): Picture | null {
  const classes = confusion.length;
  if (classes === 0 || classes > MAX_CLASSES) return null;
  const cellPx = Math.max(1, Math.floor(SIDE_PX / classes));
  const sidePx = cellPx * classes;
  const pixels = new Uint8Array(sidePx * sidePx * 3);
  for (const [row, counts] of confusion.entries()) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    for (const [column, count] of counts.entries()) {
      fill(pixels, sidePx, cellPx, row, column, shade(total === 0 ? 0 : count / total));
    }
  }
  return { widthPx: sidePx, heightPx: sidePx, channels: 3, pixels };
}

/** From white to #08306b, the dark end of ColorBrewer's Blues. */
const shade = (share: number): readonly number[] =>
  [0x08, 0x30, 0x6b].map((dark) => Math.round(255 + (dark - 255) * share));

function fill(
  pixels: Uint8Array,
  sidePx: number,
  cellPx: number,
  row: number,
  column: number,
  color: readonly number[],
): void {
  for (let y = row * cellPx; y < (row + 1) * cellPx; y++) {
    for (let x = column * cellPx; x < (column + 1) * cellPx; x++) pixels.set(color, (y * sidePx + x) * 3);
  }
}
