import { PrepareOutput, SplitOutput } from '../../contracts/manifests.ts';
import type { BlobRef, PreparedImage, PreparedSide, Side } from '../../contracts/manifests.ts';
import type { PrepareInput, PrepareResult } from '../../contracts/stages.ts';
import { compareText } from '../../core/dataset/order.ts';
import { unitOf } from '../../core/dataset/split-units.ts';
import { failedError } from '../../core/errors.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { readLines } from '../lib/json-lines.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import { withScratch } from '../lib/scratch.ts';
import { cachedStage, requireStage, stageKey } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { Assignment } from '../split/split.ts';
import { renderShard } from './render-shard.ts';
import type { RenderingContext, Row } from './render-shard.ts';

const CODE_VERSION = 2;
const MAX_SHARD_ROWS = 512;
const MAX_SHARD_BYTES = 64 * 2 ** 20;
/** One shard is rendered while another is stored. */
const SHARDS_AT_ONCE = 2;

/**
 * Renders every picture to the one identical size, as uint8 shards. Rows come in order of content hash and path, so the
 * order says nothing of classes, and the same split of the same pictures gives the same bytes.
 */
export function createPrepareActivities(ports: DataPorts) {
  return { prepareImages: atActivityEdge((input: PrepareInput) => prepare(ports, input)) };
}

type Rows = Partial<Record<Side, Row[]>>;

async function prepare(ports: DataPorts, input: PrepareInput): Promise<PrepareResult> {
  const { store, clock } = ports;
  const activity = currentActivity();
  const { signal } = activity;
  const progress = { stage: 'prepare', done: 0, total: 0 };
  const rest = beating(activity, () => progress);
  try {
    const split = await requireStage(store, input.splitManifestKey, SplitOutput);
    const sides = [...new Set(input.sides)].sort();
    const addressedBy = {
      dataset: input.datasetManifestKey,
      assignments: split.assignments.sha256,
      image: input.image,
      sides,
    };
    const answer = await cachedStage({
      ...{ store, clock, signal, addressedBy },
      stage: 'prepare',
      codeVersion: CODE_VERSION,
      output: PrepareOutput,
      compute: () =>
        withScratch(ports, 'prepare', async (scratch) => {
          const rows = await collectRows(ports, input, split, sides, signal);
          for (const side of sides) progress.total += rows[side]?.length ?? 0;
          const shardsPrefix = `stages/prepare/${stageKey('prepare', CODE_VERSION, addressedBy)}/shards/`;
          const seen = (count: number): void => {
            progress.done += count;
          };
          const { image } = input;
          const context = { ports, image, codeVersion: CODE_VERSION, shardsPrefix, scratch, signal, seen };
          return renderSides(rows, sides, split.classes, context);
        }),
    });
    const { image, classes } = answer.output;
    const rows = Object.fromEntries(sides.map((side) => [side, answer.output.sides[side]?.rows ?? 0]));
    const summary = summaryOf(answer.output);
    return { stage: 'prepare', ...answer, output: { image, classes, rows }, summary };
  } finally {
    rest();
  }
}

/** Which picture goes where: what is small of every item, sorted. */
async function collectRows(
  { store }: DataPorts,
  { datasetManifestKey }: PrepareInput,
  split: SplitOutput,
  sides: readonly Side[],
  signal: AbortSignal,
): Promise<Rows> {
  const sideOf = new Map<string, Side>();
  for await (const { unit, side } of readLines(store, split.assignments, Assignment, signal)) sideOf.set(unit, side);
  const labelOf = new Map(split.classes.map((label, index) => [label, index]));
  const rows: Rows = Object.fromEntries(sides.map((side) => [side, []]));
  const manifest = await requireDataset(store, datasetManifestKey, signal);
  for await (const item of datasetItems(store, manifest, signal)) {
    const side = sideOf.get(unitOf(item));
    const label = labelOf.get(item.label);
    if (side === undefined || label === undefined) {
      throw failedError('SPLIT_MISMATCH', datasetManifestKey, `${item.path} has no side`, 'the split of this data set');
    }
    rows[side]?.push({ sha256: item.sha256, path: item.path, label });
  }
  for (const side of sides) rows[side]?.sort((a, b) => compareText(a.sha256, b.sha256) || compareText(a.path, b.path));
  return rows;
}

async function renderSides(
  rows: Rows,
  sides: readonly Side[],
  classes: readonly string[],
  context: RenderingContext,
): Promise<{ output: PrepareOutput; parts: BlobRef[] }> {
  const prepared: Partial<Record<Side, PreparedSide>> = {};
  const parts: BlobRef[] = [];
  for (const side of sides) {
    const all = rows[side] ?? [];
    const shards: PreparedSide['shards'] = [];
    const slices = shardsOf(all, context.image);
    for await (const shard of mapOrdered(slices, SHARDS_AT_ONCE, (slice) => renderShard(slice, context))) {
      const { key, sha256, sizeBytes, items } = shard;
      shards.push(shard);
      parts.push({ key, sha256, sizeBytes }, items);
    }
    prepared[side] = { rows: all.length, shards };
  }
  return { output: { image: context.image, classes: [...classes], sides: prepared }, parts };
}

/** At most 512 rows and 64 MiB each, and at least one row. */
function* shardsOf(rows: readonly Row[], { heightPx, widthPx, channels }: PreparedImage): Generator<readonly Row[]> {
  const fitting = Math.floor(MAX_SHARD_BYTES / (heightPx * widthPx * channels));
  const size = Math.min(MAX_SHARD_ROWS, Math.max(1, fitting));
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
}

function summaryOf({ image, sides }: PrepareOutput): string {
  const prepared = Object.values(sides);
  const rows = prepared.reduce((sum, side) => sum + side.rows, 0);
  const shards = prepared.reduce((sum, side) => sum + side.shards.length, 0);
  const size = `${image.heightPx}×${image.widthPx}×${image.channels}`;
  return `${rows.toLocaleString('en')} images of ${size} in ${shards} shards`;
}
