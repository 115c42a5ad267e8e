import { join } from 'node:path';
import { z } from 'zod';
import { DroppedItem, SplitOutput, ValidateOutput } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { SplitInput, SplitResult } from '../../contracts/stages.ts';
import { assignSides } from '../../core/dataset/split.ts';
import type { Place } from '../../core/dataset/split.ts';
import { SplitUnits } from '../../core/dataset/split-units.ts';
import { transientError } from '../../core/errors.ts';
import type { StageKey } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { readLines } from '../lib/json-lines.ts';
import { withScratch } from '../lib/scratch.ts';
import { cachedStage, requireStage, stageManifestKey, usableStage } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { Assignment, storeAssignments } from './assignments.ts';
import { entryFor, extendLineage, foldOf, lineageKey, parentSplit, readLineage, rulesJson } from './lineage.ts';

const CODE_VERSION = 2;
/** Others may split grown versions of the same data set at the same time; each turn somebody gets further. */
const LINEAGE_TURNS = 20;

/**
 * Puts every item on a side. Splits under the same rules form a lineage: an item keeps its side when others are added,
 * and a data set that was split before gets the very same split.
 */
export function createSplitActivities(ports: DataPorts) {
  return { splitDataset: atActivityEdge((input: SplitInput) => split(ports, input)) };
}

async function split(ports: DataPorts, input: SplitInput): Promise<SplitResult> {
  const { store } = ports;
  const activity = currentActivity();
  const { signal } = activity;
  const key = lineageKey(input.datasetName, input.split);
  const progress = { stage: 'split', done: 0 };
  const rest = beating(activity, () => progress);
  try {
    const judged = await judgement(store, input, signal);
    for (let turn = 0; turn < LINEAGE_TURNS; turn++) {
      const lineage = await readLineage(store, key, signal);
      const { own, parent } = entryFor(lineage, judged.dataset, input.split);
      const known = own && (await knownSplit(ports, own.split, input.fresh, signal));
      if (known) return { stage: 'split', ...known, summary: summaryOf(known.output) };
      const answer = await splitFrom(ports, input, judged, parent, signal, progress);
      const entry = { dataset: judged.dataset, split: answer.key, parent, ...foldOf(input.split) };
      if (own || (await extendLineage(store, key, lineage, entry, signal))) {
        return { stage: 'split', ...answer, summary: summaryOf(answer.output) };
      }
    }
  } finally {
    rest();
  }
  throw transientError('SPLIT_BUSY', `${store.bucket}/${key}`, 'others keep moving the lineage', 'a turn', 'try again');
}

/** What validation found that concerns sides. */
interface Judgement {
  /** Names the data set in the lineage; with what was left out of it, where anything was. */
  readonly dataset: string;
  readonly alike: BlobRef | null;
  readonly dropped: BlobRef | null;
}

async function judgement(store: ObjectStore, input: SplitInput, signal: AbortSignal): Promise<Judgement> {
  const { datasetManifestKey, validateManifestKey } = input;
  signal.throwIfAborted();
  if (validateManifestKey === undefined) return { dataset: datasetManifestKey, alike: null, dropped: null };
  const { alike = null, dropped = null } = await requireStage(store, validateManifestKey, ValidateOutput);
  const dataset = dropped === null ? datasetManifestKey : `${datasetManifestKey}#${dropped.sha256}`;
  return { dataset, alike, dropped };
}

/** The very split that a data set had, whatever version of the code made it; null where parts of it are gone. */
async function knownSplit(
  { store, clock }: Pick<DataPorts, 'store' | 'clock'>,
  key: StageKey,
  fresh: SplitInput['fresh'],
  signal: AbortSignal,
): Promise<StageAnswer<SplitOutput> | null> {
  const manifestKey = stageManifestKey('split', key);
  const found = await usableStage({ store, clock, output: SplitOutput, fresh, signal }, manifestKey);
  if (found.kind !== 'hit') return null;
  return { key, manifestKey, cached: true, output: found.output };
}

async function splitFrom(
  ports: DataPorts,
  input: SplitInput,
  { alike, dropped }: Judgement,
  parent: StageKey | null,
  signal: AbortSignal,
  progress: { done: number },
): Promise<StageAnswer<SplitOutput>> {
  const { store, clock } = ports;
  return cachedStage({
    store,
    clock,
    signal,
    stage: 'split',
    codeVersion: CODE_VERSION,
    addressedBy: {
      dataset: input.datasetManifestKey,
      ...rulesJson(input.split),
      parent,
      alike: alike?.sha256 ?? null,
      dropped: dropped?.sha256 ?? null,
    },
    output: SplitOutput,
    fresh: input.fresh,
    compute: (partsPrefix) =>
      withScratch(ports, 'split', async (scratch) => {
        const units = await collectUnits(store, input.datasetManifestKey, dropped, progress, signal);
        const kept = await keptPlaces(store, parent, units, signal);
        const hints = { kept, alike: await alikeUnits(store, alike, units, signal) };
        const result = unwrap(assignSides(units, input.split, hints));
        const path = join(scratch, 'assignments.jsonl');
        const key = `${partsPrefix}assignments.jsonl`;
        const assignments = await storeAssignments(store, key, path, units, result, signal);
        const { classes, counts, perClass, torn } = result;
        const output = {
          datasetManifestKey: input.datasetManifestKey,
          classes: [...classes],
          counts,
          perClass: Object.fromEntries(perClass),
          assignments,
          parent,
          ...(torn === 0 ? {} : { torn }),
          ...(dropped === null ? {} : { dropped }),
        };
        return { output, parts: dropped === null ? [assignments] : [assignments, dropped] };
      }),
  });
}

async function collectUnits(
  store: ObjectStore,
  datasetManifestKey: string,
  dropped: BlobRef | null,
  progress: { done: number },
  signal: AbortSignal,
): Promise<SplitUnits> {
  const units = new SplitUnits();
  const left = await droppedPaths(store, dropped, signal);
  const manifest = await requireDataset(store, datasetManifestKey, signal);
  for await (const item of datasetItems(store, manifest, signal)) {
    progress.done++;
    if (!left.has(item.path)) units.add(item);
  }
  return units;
}

async function keptPlaces(
  store: ObjectStore,
  parent: StageKey | null,
  units: SplitUnits,
  signal: AbortSignal,
): Promise<Map<number, Place>> {
  const kept = new Map<number, Place>();
  if (parent === null) return kept;
  const { assignments } = await parentSplit(store, parent);
  for await (const { unit, side, fold } of readLines(store, assignments, Assignment, signal)) {
    kept.set(units.numberOf(unit), fold === undefined ? sidePlaces[side] : { side, fold });
  }
  return kept;
}

/** One object a side, not one a unit. */
const sidePlaces = { train: { side: 'train' }, validation: { side: 'validation' }, test: { side: 'test' } } as const;

async function alikeUnits(
  store: ObjectStore,
  alike: BlobRef | null,
  units: SplitUnits,
  signal: AbortSignal,
): Promise<number[][]> {
  const clusters: number[][] = [];
  if (alike === null) return clusters;
  for await (const names of readLines(store, alike, z.array(z.string()), signal)) {
    const known = names.flatMap((name) => units.find(name) ?? []);
    if (known.length > 1) clusters.push(known);
  }
  return clusters;
}

/** Paths that validation leaves out, by its policies. */
export async function droppedPaths(
  store: ObjectStore,
  dropped: BlobRef | null,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  if (dropped === null) return paths;
  for await (const { path } of readLines(store, dropped, DroppedItem, signal)) paths.add(path);
  return paths;
}

function summaryOf({ counts: { train, validation, test }, parent, torn = 0 }: SplitOutput): string {
  const kept = parent === null ? '' : ', earlier sides kept';
  const apart = torn === 0 ? '' : `, ${torn} near-duplicates on two sides`;
  return `${train} to train, ${validation} to validate, ${test} to test${kept}${apart}`;
}
