import { inputError } from '../errors.ts';
import type { GraftError } from '../errors.ts';

/** A file that is no usable picture. */
export interface BadItem {
  readonly path: string;
  readonly code: string;
  readonly reason: string;
}

export interface QuarantineCounts {
  readonly usable: number;
  readonly quarantined: number;
  /** Share of all files, 0 … 1, that may be bad. */
  readonly maxShare: number;
}

export function isOverLimit({ usable, quarantined, maxShare }: QuarantineCounts): boolean {
  return quarantined > maxShare * (usable + quarantined);
}

const EXAMPLES = 3;

/** DATASET_QUARANTINE: how many files are bad, of which kinds, and the first of them. */
export function quarantineError(where: string, counts: QuarantineCounts, bad: Iterable<BadItem>): GraftError {
  const kinds = new Map<string, number>();
  const examples: string[] = [];
  for (const { path, code, reason } of bad) {
    kinds.set(code, (kinds.get(code) ?? 0) + 1);
    if (examples.length < EXAMPLES) examples.push(`${path} (${code}: ${reason})`);
  }
  const totals = [...kinds].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${count} × ${code}`);
  const files = counts.usable + counts.quarantined;
  const percent = Math.round(1000 * counts.maxShare) / 10;
  return inputError(
    'DATASET_QUARANTINE',
    where,
    `${counts.quarantined} of ${files} files can't be used: ${totals.join(', ')}; first ${examples.join(', ')}`,
    `at most ${percent} %`,
    'mend or remove them, or raise dataset.maxQuarantined',
  );
}
