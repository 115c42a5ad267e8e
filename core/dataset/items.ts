import { canonicalJson } from '../canonical-json.ts';
import type { Json } from '../canonical-json.ts';
import type { GraftError } from '../errors.ts';
import { inputError, messageOf } from '../errors.ts';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import { boxFlags } from './annotations.ts';
import type { Box, ItemAnnotations, SourceAnnotations } from './annotations.ts';

/** What makes an item what it is. */
export interface ItemIdentity extends ItemAnnotations {
  readonly path: string;
  readonly label: string;
  readonly sha256: string;
}

/**
 * The line of an item that goes into the data set's version: SHA-256 over these lines, in code-point order of the paths.
 * The group counts too, because another grouping is another data set to split; and so does every annotation.
 */
export function identityLine({ path, label, sha256, ...annotations }: ItemIdentity): string {
  const { group, ...rest } = annotationsJson(annotations);
  if (Object.keys(rest).length > 0) return `${canonicalJson([path, label, sha256, group ?? null, rest])}\n`;
  return `${canonicalJson(group === undefined ? [path, label, sha256] : [path, label, sha256, group])}\n`;
}

/** What of a listing says that a file is still the same, as a line to be hashed. */
export function listingLine(entry: {
  readonly path: string;
  readonly label: string;
  readonly sizeBytes: number;
  readonly tag: string;
  readonly annotations?: SourceAnnotations | undefined;
  readonly problem?: { readonly code: string; readonly reason: string } | undefined;
}): string {
  const { path, label, sizeBytes, tag, annotations, problem } = entry;
  if (annotations === undefined && problem === undefined) return `${canonicalJson([path, label, sizeBytes, tag])}\n`;
  const more = {
    ...(annotations === undefined ? {} : annotationsJson(annotations)),
    ...(annotations === undefined ? {} : { unit: annotations.unit }),
    ...(annotations?.size === undefined ? {} : { size: [annotations.size.width, annotations.size.height] }),
    ...(problem === undefined ? {} : { problem: [problem.code, problem.reason] }),
  };
  return `${canonicalJson([path, label, sizeBytes, tag, more])}\n`;
}

/** The annotations alone, as JSON can hold them: what is not known is left out, and so are flags that are not set. */
export function annotationsJson(item: ItemAnnotations): Readonly<Record<string, Json>> {
  const { boxes, labels, negatives, attributes, side, group } = item;
  return {
    ...(boxes === undefined ? {} : { boxes: boxes.map((box) => boxJson(box)) }),
    ...(labels === undefined ? {} : { labels }),
    ...(negatives === undefined ? {} : { negatives }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(side === undefined ? {} : { side }),
    ...(group === undefined ? {} : { group }),
  };
}

function boxJson(box: Box): Json {
  const { label, area } = box;
  const edges = Object.fromEntries(edgeNames.map((name) => [name, number(box[name])]));
  const flags = boxFlags.filter((flag) => box[flag] === true).map((flag) => [flag, true]);
  return { label, ...edges, ...Object.fromEntries(flags), ...(area === undefined ? {} : { area: number(area) }) };
}

const edgeNames = ['xMin', 'yMin', 'xMax', 'yMax'] as const;

/** JSON has no NaN: a listing may hold one, until the item is quarantined for it. */
const number = (value: number): Json => (Number.isFinite(value) ? value : String(value));

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
