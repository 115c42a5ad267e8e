import { z } from 'zod';
import { Side, SplitOutput } from '../../contracts/manifests.ts';
import type { SplitInput, SplitResult } from '../../contracts/stages.ts';
import { compareText } from '../../core/dataset/order.ts';
import { assignSides } from '../../core/dataset/split.ts';
import { SplitUnits } from '../../core/dataset/split-units.ts';
import { transientError } from '../../core/errors.ts';
import type { StageKey } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { encodeLines, putPart, readLines } from '../lib/json-lines.ts';
import { cachedStage } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { entryFor, extendLineage, lineageKey, parentSplit, readLineage } from './lineage.ts';

const CODE_VERSION = 1;
/** Others may split grown versions of the same data set at the same time; each turn somebody gets further. */
const LINEAGE_TURNS = 20;

export const Assignment = z.object({ unit: z.string(), side: Side });

/**
 * Puts every item on a side. Splits under the same rules form a lineage: an item keeps its side when others are added,
 * and a data set that was split before gets the very same split.
 */
export function createSplitActivities(ports: DataPorts) {
  return { splitDataset: atActivityEdge((input: SplitInput) => split(ports, input)) };
}

async function split({ store, clock }: DataPorts, input: SplitInput): Promise<SplitResult> {
  const activity = currentActivity();
  const { signal } = activity;
  const key = lineageKey(input.datasetName, input.split);
  const rest = beating(activity, () => ({ stage: 'split' }));
  try {
    for (let turn = 0; turn < LINEAGE_TURNS; turn++) {
      const lineage = await readLineage(store, key, signal);
      const { known, parent } = entryFor(lineage, input.datasetManifestKey);
      const answer = await splitFrom({ store, clock }, input, parent, signal);
      const entry = { dataset: input.datasetManifestKey, split: answer.key, parent };
      if (known || (await extendLineage(store, key, lineage, entry, signal))) {
        return { stage: 'split', ...answer, summary: summaryOf(answer.output) };
      }
    }
  } finally {
    rest();
  }
  throw transientError('SPLIT_BUSY', `${store.bucket}/${key}`, 'others keep moving the lineage', 'a turn', 'try again');
}

async function splitFrom(
  { store, clock }: Pick<DataPorts, 'store' | 'clock'>,
  input: SplitInput,
  parent: StageKey | null,
  signal: AbortSignal,
): Promise<StageAnswer<SplitOutput>> {
  return cachedStage({
    store,
    clock,
    signal,
    stage: 'split',
    codeVersion: CODE_VERSION,
    addressedBy: { dataset: input.datasetManifestKey, ...input.split, parent },
    output: SplitOutput,
    async compute(partsPrefix) {
      const kept = new Map<string, Side>();
      if (parent !== null) {
        const { assignments } = await parentSplit(store, parent);
        for await (const { unit, side } of readLines(store, assignments, Assignment, signal)) kept.set(unit, side);
      }
      const manifest = await requireDataset(store, input.datasetManifestKey, signal);
      const units = new SplitUnits();
      for await (const item of datasetItems(store, manifest, signal)) units.add(item);
      const { sides, classes, counts, perClass } = unwrap(assignSides(units, input.split, kept));
      const lines = [...sides].sort(([a], [b]) => compareText(a, b)).map(([unit, side]) => ({ unit, side }));
      const assignments = await putPart(store, `${partsPrefix}assignments.jsonl`, encodeLines(lines), signal);
      const output = {
        datasetManifestKey: input.datasetManifestKey,
        classes: [...classes],
        counts,
        perClass: Object.fromEntries(perClass),
        assignments,
        parent,
      };
      return { output, parts: [assignments] };
    },
  });
}

function summaryOf({ counts: { train, validation, test }, parent }: SplitOutput): string {
  const kept = parent === null ? '' : ', earlier sides kept';
  return `${train} to train, ${validation} to validate, ${test} to test${kept}`;
}
