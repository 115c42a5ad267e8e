import type { LocalItem } from './local-data.ts';

/** All boxes of a data set; 0 where it has none. */
export const boxesOf = (items: readonly LocalItem[]): number =>
  items.reduce((sum, { boxes }) => sum + (boxes?.length ?? 0), 0);
