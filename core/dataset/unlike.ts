/** A held-out image that looks like none of those that are learnt from, as the network sees them. */
export interface UnlikeImage {
  /** Its row among the held-out ones, and that of the training image nearest to it. */
  readonly row: number;
  readonly nearest: number;
  /** Cosine of their codes. */
  readonly similarity: number;
}

/** More rows than these are thinned evenly: the product of both is what it takes. */
const [MOST_TRAIN, MOST_HELD, MOST_PROBED] = [5_000, 2_000, 500];
/** Training images have a neighbour at least this near but for so small a share. */
const ODD_SHARE = 0.01;

/**
 * Held-out images whose nearest training image is further away than 99 of 100 training images have theirs: nothing was
 * learnt about them, and a score on them says nothing of the others. The strangest first.
 */
export function unlikeImages(train: Float32Array, held: Float32Array, width: number): UnlikeImage[] {
  const learnt = thinned(train.length / width, MOST_TRAIN);
  const [trainNorms, heldNorms] = [norms(train, width), norms(held, width)];
  const nearest = (codes: Float32Array, norm: Float64Array, row: number, without: number) => {
    let best = { nearest: -1, similarity: -Infinity };
    for (const other of learnt) {
      if (other === without) continue;
      let dot = 0;
      for (let i = 0; i < width; i++) dot += (codes[row * width + i] ?? 0) * (train[other * width + i] ?? 0);
      const similarity = dot / Math.max(1e-12, (norm[row] ?? 0) * (trainNorms[other] ?? 0));
      if (similarity > best.similarity) best = { nearest: other, similarity };
    }
    return best;
  };
  const usual = thinned(train.length / width, MOST_PROBED)
    .map((row) => nearest(train, trainNorms, row, row).similarity)
    .sort((a, b) => a - b);
  const least = usual[Math.floor(ODD_SHARE * usual.length)] ?? -Infinity;
  return thinned(held.length / width, MOST_HELD)
    .map((row) => ({ row, ...nearest(held, heldNorms, row, -1) }))
    .filter(({ similarity }) => similarity < least)
    .sort((a, b) => a.similarity - b.similarity || a.row - b.row);
}

function thinned(rows: number, most: number): number[] {
  const step = Math.max(1, rows / most);
  return Array.from({ length: Math.min(rows, most) }, (_, i) => Math.floor(i * step));
}

function norms(codes: Float32Array, width: number): Float64Array {
  return Float64Array.from({ length: codes.length / width }, (_, row) => {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (codes[row * width + i] ?? 0) ** 2;
    return Math.sqrt(squares);
  });
}
