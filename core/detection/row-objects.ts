import { CROWD } from '../dataset/framed-boxes.ts';
import type { FramedBoxes } from '../dataset/framed-boxes.ts';
import type { Objects } from './targets.ts';

/** The objects of a row as they were prepared: all of them, with what evaluation must know. */
export interface RowObjects extends Objects {
  /** Of each: 1 a crowd or a group, 2 difficult. */
  readonly flags: Int32Array;
}

/** The objects of every row of a prepared shard, in order. */
export function rowObjects({ counts, boxes, labels, flags }: FramedBoxes): RowObjects[] {
  let at = 0;
  return Array.from(counts, (count) => {
    const [start, end] = [at, at + count];
    at = end;
    const own = { boxes: Float64Array.from(boxes.subarray(start * 4, end * 4)), labels: labels.slice(start, end) };
    return { ...own, flags: flags.slice(start, end) };
  });
}

/** What is learnt: a crowd is no object that a box could be right for. */
export function learnable({ boxes, labels, flags }: RowObjects): Objects {
  const kept = [...flags.keys()].filter((index) => ((flags[index] ?? 0) & CROWD) === 0);
  return {
    boxes: Float64Array.from(kept.flatMap((index) => [...boxes.subarray(index * 4, index * 4 + 4)])),
    labels: kept.map((index) => labels[index] ?? 0),
  };
}
