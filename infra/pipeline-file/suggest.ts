import { distance } from 'fastest-levenshtein';

/** Case and separators are how people differ about names: batch_size, batch-size, BatchSize. */
const normal = (name: string): string => name.toLowerCase().replace(/[^a-z0-9.]/g, '');

/** The candidate that was probably meant, or null where none is near: at most a third of the letters differ. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: { candidate: string; far: number } | null = null;
  for (const candidate of candidates) {
    const far = distance(normal(word), normal(candidate));
    if (far <= Math.max(1, Math.floor(candidate.length / 3)) && (best === null || far < best.far)) {
      best = { candidate, far };
    }
  }
  return best?.candidate ?? null;
}
