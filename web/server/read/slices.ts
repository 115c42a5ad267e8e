import { createContext, Script } from 'node:vm';
import type { DetectionMetrics } from '../../../contracts/detection-metrics.ts';
import type { Slices } from '../../../contracts/web.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import { shareInterval } from '../../../core/promotion/counts.ts';
import { namedParts } from '../../../core/promotion/rules.ts';
import type { Part } from '../../../core/promotion/rules.ts';
import { sliceFiguresOf } from '../../../core/promotion/slices.ts';
import type { Scores, ScoredTest } from './scored-test.ts';

const MOST_SLICES = 200;
/** An expression that backtracks for ever would hold up every other request. */
const MOST_MS = 500;
const EXAMPLE = 'e.g. (day|night)';

/**
 * The share of right answers in each part of the test set that `by` names, beside the champion's on the same pictures.
 * SLICES (input) where it is no expression, names nothing or takes longer than half a second.
 */
export function pathSlices({ scores, items, champion, version }: ScoredTest, by: string | null): Slices {
  const championVersion = champion?.version ?? null;
  const none = { kind: 'paths' as const, by, slices: [], total: 0, unmatched: 0, championVersion };
  // Without its answers, or with a list of pictures that is another's, nothing can be counted.
  if (by === null || !scores || items.length !== scores.labels.length) return none;
  const parts = partsWithin(
    items.map(({ path }) => path),
    by,
  );
  if (parts.length === 0) {
    const seen = `${by.slice(0, 80)} matches no path, e.g. ${items[0]?.path ?? 'none'}`;
    const expected = 'an expression whose first group occurs in the paths';
    throw inputError('SLICES', `run ${version.runId}`, seen, expected, EXAMPLE);
  }
  const theirs = champion?.scores?.labels.length === scores.labels.length ? champion.scores : null;
  const others = theirs && sliceFiguresOf(parts, isRight(theirs));
  const slices = sliceFiguresOf(parts, isRight(scores)).map(({ slice, images, right }, index) => {
    const { lower: low, upper: high } = shareInterval(right, images);
    const other = others?.[index];
    return { slice, images, accuracy: right / images, low, high, champion: other ? other.right / images : null };
  });
  const matched = slices.reduce((sum, { images }) => sum + images, 0);
  return {
    ...none,
    slices: slices.slice(0, MOST_SLICES),
    total: slices.length,
    unmatched: items.length - matched,
  };
}

const isRight =
  ({ given, labels }: Scores) =>
  (row: number): boolean =>
    given[row] === labels[row];

const NAMES = new Script('paths.map((path) => pattern.exec(path)?.[1])');

/** As core's sliceParts, but given up in time: the expression may come from whoever may look. */
function partsWithin(paths: readonly string[], by: string): Part[] {
  try {
    const context = createContext({ paths, pattern: new RegExp(by, 'u') });
    const names: unknown = NAMES.runInContext(context, { timeout: MOST_MS });
    const texts = Array.isArray(names)
      ? names.map((name: unknown) => (typeof name === 'string' ? name : undefined))
      : [];
    return namedParts(texts);
  } catch (error) {
    throw inputError('SLICES', by.slice(0, 80), messageOf(error), 'a regular expression with a group', EXAMPLE);
  }
}

/** A detector's figures by what is known of its pictures (BDD100K: weather, scene, time of day). */
export function attributeSlices({ champion }: ScoredTest, { perAttribute = [] }: DetectionMetrics): Slices {
  const theirs = champion?.evaluation?.detection?.metrics.perAttribute ?? [];
  return {
    kind: 'attributes',
    slices: perAttribute.map((row) => {
      const other = theirs.find(({ attribute, value }) => attribute === row.attribute && value === row.value);
      return { ...row, champion: other ? { AP: other.AP, AP50: other.AP50 } : null };
    }),
    championVersion: champion?.version ?? null,
  };
}
