import type { Part } from './rules.ts';

/** Test images that have something in common, by their paths. */
export interface SliceFigure {
  readonly slice: string;
  readonly images: number;
  readonly right: number;
}

/** Right answers in each part of a test set; `isRight` is asked by row. Pure. */
export const sliceFiguresOf = (parts: readonly Part[], isRight: (row: number) => boolean): SliceFigure[] =>
  parts.map(({ name, rows }) => ({ slice: name, images: rows.length, right: rows.filter(isRight).length }));
