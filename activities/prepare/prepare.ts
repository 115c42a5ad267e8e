import { PrepareOutput, SplitOutput } from '../../contracts/manifests.ts';
import type { BlobRef, DatasetItem, PreparedSide, Side } from '../../contracts/manifests.ts';
import type { PrepareInput, PrepareResult } from '../../contracts/stages.ts';
import { compareText } from '../../core/dataset/order.ts';
import { unitOf } from '../../core/dataset/split-units.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { datasetItems, readDatasetManifest } from '../lib/dataset-items.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { cachedStage, requireStage } from '../lib/stage.ts';
import { readAssignments } from '../split/split.ts';
import type { DataPorts } from '../ports.ts';
import { preparedShard } from './shard.ts';

const CODE_VERSION = 1;
const ROWS_PER_SHARD = 512;

/** Renders every picture at one identical size into uint8 shards, side by side. */
export function createPrepareActivities(ports: DataPorts) {
  return {
    prepareImages: atActivityEdge(async (input: PrepareInput): Promise<PrepareResult> => {
      const activity = currentActivity();
      const answer = await cachedStage({
        store: ports.store,
        clock: ports.clock,
        signal: activity.signal,
        stage: 'prepare',
        codeVersion: CODE_VERSION,
        addressedBy: {
          dataset: input.datasetManifestKey,
          split: input.splitManifestKey,
          image: input.image,
          sides: [...input.sides].sort(),
        },
        output: PrepareOutput,
        compute: () => prepare(ports, input, activity),
      });
      const { image, classes, sides } = answer.output;
      const rows = Object.fromEntries(Object.entries(sides).map(([side, prepared]) => [side, prepared.rows]));
      const total = Object.values(sides).reduce((sum, side) => sum + side.rows, 0);
      const summary = `${total} images at ${image.heightPx}×${image.widthPx}×${image.channels}`;
      return { stage: 'prepare', ...answer, summary, output: { image, classes, rows } };
    }),
  };
}

async function prepare(
  ports: DataPorts,
  input: PrepareInput,
  activity: RunningActivity,
): Promise<{ output: PrepareOutput; parts: BlobRef[] }> {
  const { store } = ports;
  const manifest = await readDatasetManifest(store, input.datasetManifestKey);
  const split = await requireStage(store, input.splitManifestKey, SplitOutput);
  const assignments = await readAssignments(store, split.assignments, activity.signal);
  const items = new Map<Side, DatasetItem[]>(input.sides.map((side) => [side, []]));
  for await (const item of datasetItems(store, manifest, activity.signal)) {
    const side = assignments.get(unitOf(item));
    if (side) items.get(side)?.push(item);
  }
  const total = [...items.values()].reduce((sum, list) => sum + list.length, 0);
  const sides: Partial<Record<Side, PreparedSide>> = {};
  let done = 0;
  for (const [side, list] of items) {
    // By content, so that the order does not hang on names or classes.
    list.sort((a, b) => compareText(a.sha256, b.sha256) || compareText(a.path, b.path));
    const shards: PreparedSide['shards'] = [];
    for (let start = 0; start < list.length; start += ROWS_PER_SHARD) {
      const rows = list.slice(start, start + ROWS_PER_SHARD);
      shards.push(
        await preparedShard(ports, rows, split.classes, input.image, activity, (rendered) => {
          activity.heartbeat({ done: done + rendered, total });
        }),
      );
      done += rows.length;
      activity.heartbeat({ done, total });
    }
    sides[side] = { rows: list.length, shards };
  }
  const parts = Object.values(sides).flatMap(({ shards }) =>
    shards.flatMap(({ items: lines, rows, ...part }) => [part, lines]),
  );
  return { output: { image: input.image, classes: split.classes, sides }, parts };
}
