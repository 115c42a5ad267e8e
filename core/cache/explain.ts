import type { Json } from '../canonical-json.ts';
import { changedFields } from '../promotion/differences.ts';
import type { Difference } from '../promotion/differences.ts';

/** A stored result: what was hashed into its address. */
export interface StoredResult {
  readonly key: string;
  readonly codeVersion: number;
  readonly addressedBy: Readonly<Record<string, Json>>;
  readonly createdAt: string;
}

/** Why a stage was done again although a result had its address. */
export type RemadeBecause = 'bypassed' | 'expired' | 'parts-gone' | 'unreadable' | 'collected';

export interface StageUse {
  readonly stage: string;
  /** Whether the run took an earlier result. */
  readonly cached: boolean;
  /** Why it was made again although one had its address. */
  readonly remade: RemadeBecause | null;
  /** What the run ended up with; null where that is gone since. */
  readonly own: StoredResult | null;
}

export interface Explanation {
  readonly stage: string;
  readonly cached: boolean;
  readonly reason: 'same' | 'changed' | 'first' | 'gone' | RemadeBecause;
  /** The fields that made it a miss, and the earlier result that has the fewest such fields. */
  readonly changes: readonly Change[];
  readonly comparedWith: { readonly key: string; readonly createdAt: string } | null;
  /** One line for people. */
  readonly text: string;
}

export interface Change extends Difference {
  /** The earlier stage whose other output it is; null where it is a setting, the source or the machine. */
  readonly from: string | null;
}

/** Fields that are another stage's output: whoever asks why is sent there. */
const OUTPUTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  validate: { dataset: 'ingest', quarantined: 'ingest' },
  split: { dataset: 'ingest', parent: 'split', alike: 'validate', dropped: 'validate' },
  prepare: { dataset: 'ingest', assignments: 'split', dropped: 'validate' },
  train: { prepared: 'prepare' },
  evaluate: { weightsSha256: 'train', test: 'prepare' },
  gate: { challenger: 'train', evaluation: 'evaluate' },
};

/** What a field is, where its name alone does not say it. */
const MEANING: Readonly<Record<string, string>> = {
  codeVersion: 'the stage’s code',
  listing: 'the files of the source (names, labels, sizes, contents)',
  files: 'the number of files',
  champion: 'the champion that it is compared with',
  threads: 'the number of threads',
  arch: 'the kind of processor',
  weightsSha256: 'the pretrained weights',
  parent: 'the split whose sides are kept',
  decoder: 'the library that decodes',
  host: 'the machine (latency is measured on it)',
};

/**
 * Why a stage was a hit or a miss: against the earlier result that differs in the fewest fields (of several, the newest).
 * `others` are the stage's other results; only those that were there before count. Pure.
 */
export function explainStage(use: StageUse, others: readonly StoredResult[]): Explanation {
  const { stage, cached, own, remade } = use;
  const bare = { stage, cached, changes: [], comparedWith: null };
  if (cached && own) {
    const with_ = { key: own.key, createdAt: own.createdAt };
    return { ...bare, reason: 'same', comparedWith: with_, text: `every field is as it was on ${own.createdAt}` };
  }
  if (!own) return { ...bare, reason: 'gone', text: 'its manifest is gone since: nothing to compare with' };
  if (remade) return { ...bare, reason: remade, text: REMADE[remade] };
  const earlier = others.filter(({ key, createdAt }) => key !== own.key && createdAt <= own.createdAt);
  const nearest = nearestOf(stage, own, earlier);
  if (!nearest) return { ...bare, reason: 'first', text: 'it was never done before' };
  const { result, changes } = nearest;
  const comparedWith = { key: result.key, createdAt: result.createdAt };
  return { ...bare, reason: 'changed', changes, comparedWith, text: changes.map(described).join('; ') };
}

const REMADE = {
  bypassed: 'it was done again as asked for (cache.bypass, --no-cache)',
  expired: 'the result was older than cache.maxAgeDays allows',
  'parts-gone': 'the result was there, but not all of its parts',
  unreadable: 'the result was there, but its manifest could not be read',
  collected: 'the result had been collected (graft cache gc)',
} as const;

function nearestOf(stage: string, own: StoredResult, earlier: readonly StoredResult[]) {
  let nearest: { result: StoredResult; changes: Change[] } | null = null;
  for (const result of [...earlier].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))) {
    const changes = changesOf(stage, result, own);
    if (!nearest || changes.length < nearest.changes.length) nearest = { result, changes };
  }
  return nearest;
}

/** The fields that differ, and of each the stage whose output it is. */
function changesOf(stage: string, before: StoredResult, after: StoredResult): Change[] {
  const outputs = OUTPUTS[stage] ?? {};
  const fieldsOf = ({ addressedBy, codeVersion }: StoredResult) => ({ ...addressedBy, codeVersion });
  return changedFields(fieldsOf(before), fieldsOf(after)).map((change) => ({
    ...change,
    from: outputs[headOf(change.field)] ?? null,
  }));
}

const headOf = (field: string): string => field.split('.')[0] ?? field;

function described({ field, before, after, from }: Change): string {
  if (from !== null) return `${field}: another output of ${from}`;
  const meaning = MEANING[field];
  return `${field}${meaning === undefined ? '' : ` (${meaning})`}: ${shown(before)} → ${shown(after)}`;
}

function shown(value: Json): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 8)}…` : text.slice(0, 60);
}
