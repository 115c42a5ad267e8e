/** A stretch of the hand-over file, in bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

/** The lowest offset at which `size` bytes overlap none of those that are taken; empty ones may lie inside others. */
export function freePlace(taken: readonly Place[], size: number): number {
  let place = 0;
  for (const other of [...taken].sort((a, b) => a.offset - b.offset)) {
    if (place + size <= other.offset) break;
    place = Math.max(place, other.offset + other.size);
  }
  return place;
}
