import { canonicalJson } from '../canonical-json.ts';
import type { GraftError } from '../errors.ts';
import { inputError, messageOf } from '../errors.ts';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';

/** What makes an item what it is. */
export interface ItemIdentity {
  readonly path: string;
  readonly label: string;
  readonly sha256: string;
  readonly group?: string | undefined;
}

/**
 * The line of an item that goes into the data set's version: SHA-256 over these lines, in code-point order of the paths.
 * The group counts too, because another grouping is another data set to split.
 */
export function identityLine({ path, label, sha256, group }: ItemIdentity): string {
  return `${canonicalJson(group === undefined ? [path, label, sha256] : [path, label, sha256, group])}\n`;
}

/** What of a listing says that a file is still the same, as a line to be hashed. */
export function listingLine(entry: {
  readonly path: string;
  readonly label: string;
  readonly sizeBytes: number;
  readonly tag: string;
}): string {
  return `${canonicalJson([entry.path, entry.label, entry.sizeBytes, entry.tag])}\n`;
}

/** Path → group, or undefined where the rule does not match (such an item stands for itself). */
export type GroupRule = (path: string) => string | undefined;

/** Compiles `dataset.split.groupBy`; DATASET_GROUP where it is no regular expression or has no group to name. */
export function groupRule(pattern: string | null): Result<GroupRule, GraftError> {
  if (pattern === null) return ok(() => undefined);
  const where = `dataset.split.groupBy ${JSON.stringify(pattern)}`;
  const remedy = 'for example "^[^/]+/(patient[0-9]+)_"';
  try {
    const regex = new RegExp(pattern, 'u');
    // A match against the alternative "or nothing" tells how many groups there are.
    const groups = new RegExp(`${pattern}|`, 'u').exec('');
    if (groups === null || groups.length < 2) {
      return err(inputError('DATASET_GROUP', where, 'no group in round brackets', 'one that names the unit', remedy));
    }
    return ok((path) => regex.exec(path)?.[1]);
  } catch (error) {
    return err(inputError('DATASET_GROUP', where, messageOf(error), 'a regular expression', remedy));
  }
}
