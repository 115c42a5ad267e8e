const MAX_ROWS = 512;
const MAX_BYTES = 64 * 2 ** 20;

/** Rows of a prepared shard: at most 512 and at most 64 MiB of pixels, but one at least. */
export function rowsPerShard(image: {
  readonly heightPx: number;
  readonly widthPx: number;
  readonly channels: number;
}): number {
  const fitting = Math.floor(MAX_BYTES / (image.heightPx * image.widthPx * image.channels));
  return Math.min(MAX_ROWS, Math.max(1, fitting));
}
