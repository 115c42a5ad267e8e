import { z } from 'zod';
import { Side, SplitOutput } from '../../contracts/manifests.ts';
import type { BlobRef, DatasetManifest } from '../../contracts/manifests.ts';
import type { SplitInput, SplitResult } from '../../contracts/stages.ts';
import { assignSides } from '../../core/dataset/split.ts';
import { SplitUnits } from '../../core/dataset/split-units.ts';
import type { StageKey } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { datasetItems, readDatasetManifest, readLines } from '../lib/dataset-items.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { sha256Of } from '../lib/hash.ts';
import { cachedStage, readStage } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { moveLineage, readLineage } from './lineage.ts';

const CODE_VERSION = 1;
type Ports = Pick<DataPorts, 'store' | 'clock'>;

/** Puts every item on a side, stratified and seeded; items keep the side that an earlier version of the data set gave them. */
export function createSplitActivities(ports: Ports) {
  return {
    splitDataset: atActivityEdge(async (input: SplitInput): Promise<SplitResult> => {
      const activity = currentActivity();
      const manifest = await readDatasetManifest(ports.store, input.datasetManifestKey);
      const answer = await splitOnLineage(ports, input, manifest, activity);
      const { train, validation, test } = answer.output.counts;
      return { stage: 'split', ...answer, summary: `${train} train, ${validation} validation, ${test} test` };
    }),
  };
}

/** Splits on top of the newest split of this data set under the same rules, and becomes the newest itself. */
async function splitOnLineage(
  ports: Ports,
  input: SplitInput,
  manifest: DatasetManifest,
  activity: RunningActivity,
): Promise<StageAnswer<SplitOutput>> {
  for (;;) {
    const lineage = await readLineage(ports.store, input.datasetName, input.split);
    const known = lineage?.history.find((entry) => entry.datasetVersion === manifest.version);
    const parent = known ? known.parent : (lineage?.history.at(-1)?.splitKey ?? null);
    const answer = await split(ports, input, manifest, parent, activity);
    if (known) return answer;
    const entry = { datasetVersion: manifest.version, splitKey: answer.key, parent };
    if (await moveLineage(ports.store, input.datasetName, input.split, lineage, entry)) return answer;
    // Another run has split another version in between: its sides must be kept too.
  }
}

function split(
  ports: Ports,
  { datasetManifestKey, split: config }: SplitInput,
  manifest: DatasetManifest,
  parent: StageKey | null,
  activity: RunningActivity,
): Promise<StageAnswer<SplitOutput>> {
  return cachedStage({
    store: ports.store,
    clock: ports.clock,
    signal: activity.signal,
    stage: 'split',
    codeVersion: CODE_VERSION,
    addressedBy: { dataset: manifest.version, name: manifest.name, rules: config, parent },
    output: SplitOutput,
    async compute(partsPrefix) {
      const units = new SplitUnits();
      for await (const item of datasetItems(ports.store, manifest, activity.signal)) units.add(item);
      activity.heartbeat({ done: manifest.images, total: manifest.images });
      const result = unwrap(assignSides(units, config, await parentSides(ports, parent, activity)));
      const assignments = await writeAssignments(ports, `${partsPrefix}assignments.jsonl`, result.sides, activity);
      const output: SplitOutput = {
        datasetManifestKey,
        classes: [...result.classes],
        counts: { ...result.counts },
        perClass: Object.fromEntries([...result.perClass].map(([label, counts]) => [label, { ...counts }])),
        assignments,
        parent,
      };
      return { output, parts: [assignments] };
    },
  });
}

const Assignment = z.object({ unit: z.string(), side: Side });

/** Side by unit, as a split wrote them. */
export async function readAssignments(
  store: DataPorts['store'],
  part: BlobRef,
  signal: AbortSignal,
): Promise<Map<string, Side>> {
  const sides = new Map<string, Side>();
  for (const line of await readLines(store, part, signal)) {
    const { unit, side } = Assignment.parse(JSON.parse(line));
    sides.set(unit, side);
  }
  return sides;
}

async function parentSides(
  ports: Ports,
  parent: StageKey | null,
  activity: RunningActivity,
): Promise<Map<string, Side>> {
  if (parent === null) return new Map();
  const found = await readStage(ports.store, `stages/split/${parent}/manifest.json`, SplitOutput);
  return found ? readAssignments(ports.store, found.output.assignments, activity.signal) : new Map();
}

async function writeAssignments(
  { store }: Ports,
  key: string,
  sides: ReadonlyMap<string, Side>,
  { signal }: RunningActivity,
): Promise<BlobRef> {
  const lines = [...sides]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([unit, side]) => `${JSON.stringify({ unit, side })}\n`);
  const body = new TextEncoder().encode(lines.join(''));
  await store.put(key, body, { contentType: 'application/x-ndjson', signal });
  return { key, sha256: sha256Of(body), sizeBytes: body.length };
}
