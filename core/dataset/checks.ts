import { inputError } from '../errors.ts';
import type { GraftError } from '../errors.ts';
import type { DatasetFinding } from './findings.ts';

/** What happens where a check finds something: the run ends, a word, what can be mended is mended, or nothing. */
export type CheckPolicy = 'fail' | 'warn' | 'fix' | 'ignore';

export type CheckName =
  'labelConflicts' | 'copies' | 'nearDuplicates' | 'leaks' | 'classes' | 'boxes' | 'pictures' | 'testSize' | 'drift';
export type Checks = Readonly<Record<CheckName, CheckPolicy>>;

/** Which check a finding is of; those of none (quarantine, groups) have settings of their own. */
const checkOf: Readonly<Record<string, CheckName>> = {
  LABEL_CONFLICT: 'labelConflicts',
  DUPLICATES: 'copies',
  NEAR_DUPLICATES: 'nearDuplicates',
  NEAR_CONFLICT: 'labelConflicts',
  DATASET_LEAK: 'leaks',
  CLASS_TINY: 'classes',
  CLASS_IMBALANCE: 'classes',
  BOX_VANISHING: 'boxes',
  BOX_ANCHORS: 'boxes',
  BOX_NONE: 'boxes',
  IMAGE_SMALL: 'pictures',
  IMAGE_CHANNELS: 'pictures',
  IMAGE_ALPHA: 'pictures',
  IMAGE_ASPECT: 'pictures',
  IMAGE_PLAIN: 'pictures',
  TEST_SMALL: 'testSize',
  DRIFT_CLASSES: 'drift',
  DRIFT_SHARES: 'drift',
  DRIFT_SIZES: 'drift',
  DRIFT_COLOURS: 'drift',
};

const policyOf = ({ code }: DatasetFinding, checks: Checks): CheckPolicy => {
  const check = checkOf[code];
  return check === undefined ? 'warn' : checks[check];
};

/** Findings without those that are to be ignored. */
export function heeded(findings: readonly DatasetFinding[], checks: Checks): DatasetFinding[] {
  return findings.filter((finding) => policyOf(finding, checks) !== 'ignore');
}

/** DATASET_CHECK (input) where a finding is of a check whose policy is `fail`. */
export function failedCheck(findings: readonly DatasetFinding[], checks: Checks, where: string): GraftError | null {
  const failed = findings.filter((finding) => policyOf(finding, checks) === 'fail');
  if (failed.length === 0) return null;
  const seen = failed.map(({ code, message }) => `${code}: ${message}`).join('; ');
  const names = [...new Set(failed.map(({ code }) => checkOf[code] ?? code))];
  const remedy = `mend the data, or set ${names.map((name) => `dataset.checks.${name}`).join(', ')} to warn`;
  return inputError('DATASET_CHECK', where, seen, 'nothing that dataset.checks refuses', remedy);
}

export const isFix = (checks: Checks, check: CheckName): boolean => checks[check] === 'fix';
