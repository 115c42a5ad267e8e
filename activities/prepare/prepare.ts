import { setMaxListeners } from 'node:events';
import { PrepareOutput, SplitOutput } from '../../contracts/manifests.ts';
import type { BlobRef, PreparedImage, PreparedSide, Side } from '../../contracts/manifests.ts';
import type { PrepareInput, PrepareResult, PrepareShareInput } from '../../contracts/stages.ts';
import { PackedRows } from '../../core/dataset/packed-rows.ts';
import type { Row } from '../../core/dataset/packed-rows.ts';
import { PackedSides } from '../../core/dataset/packed-sides.ts';
import { rowsPerShard } from '../../core/dataset/shards.ts';
import { unitOf } from '../../core/dataset/split-units.ts';
import { failedError } from '../../core/errors.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { pathsOf, readLines } from '../lib/json-lines.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import { withScratch } from '../lib/scratch.ts';
import { cachedStage, requireStage, sharedPrefix, stageKey } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { Assignment } from '../split/assignments.ts';
import { droppedPaths } from '../split/split.ts';
import { renderShard } from './render-shard.ts';
import type { RenderingContext } from './render-shard.ts';

const CODE_VERSION = 4;
/** One shard is rendered while another is stored. */
const SHARDS_AT_ONCE = 2;
/** Rows that are left when the process that trains on them begins to load: about what is rendered meanwhile. */
const LAST_ROWS = 1_024;

/**
 * Renders every picture to the one identical size, as uint8 shards. Rows come in order of content hash and path, so the
 * order says nothing of classes, and the same split of the same pictures gives the same bytes.
 */
export function createPrepareActivities(ports: DataPorts, shardRows: ShardRows = rowsPerShard) {
  return {
    prepareImages: atActivityEdge((input: PrepareInput) => prepare(ports, input, shardRows)),
    /** Renders every `of`-th shard and leaves its record for `prepareImages`, which then finds it. */
    renderShare: atActivityEdge((input: PrepareShareInput) => renderShare(ports, input, shardRows)),
  };
}

type ShardRows = (image: PreparedImage) => number;

/** What addresses the stage, and how its shards are rendered. */
async function planRendering(ports: DataPorts, input: PrepareInput, signal: AbortSignal) {
  const split = await requireStage(ports.store, input.splitManifestKey, SplitOutput);
  const sides = [...new Set(input.sides)].sort();
  const addressedBy = {
    dataset: input.datasetManifestKey,
    assignments: split.assignments.sha256,
    ...(split.dropped === undefined ? {} : { dropped: split.dropped.sha256 }),
    ...(input.only === undefined ? {} : { only: input.only.sha256 }),
    image: input.image,
    ...(input.task === 'detection' ? { task: input.task, carries: 'attributes' } : {}),
    // Which library turned JPEGs into pixels: two of them differ in the last bits.
    decoder: ports.images.name,
    sides,
  };
  const address = stageKey('prepare', CODE_VERSION, addressedBy);
  const shared = await sharedPrefix({ store: ports.store, clock: ports.clock, signal }, 'prepare', address);
  return {
    split,
    sides,
    addressedBy,
    rendering: {
      ports,
      image: input.image,
      classes: new Map(split.classes.map((name, index) => [name, index])),
      codeVersion: CODE_VERSION,
      shardsPrefix: `${shared}shards/`,
      signal,
    },
  };
}

async function prepare(ports: DataPorts, input: PrepareInput, shardRows: ShardRows): Promise<PrepareResult> {
  const { store, clock } = ports;
  const activity = currentActivity();
  const { signal } = activity;
  // Every file under way listens to it: many, and no leak.
  setMaxListeners(0, signal);
  const progress = { stage: 'prepare', done: 0, total: 0 };
  const rest = beating(activity, () => progress);
  try {
    const { split, sides, addressedBy, rendering } = await planRendering(ports, input, signal);
    const answer = await cachedStage({
      store,
      clock,
      signal,
      stage: 'prepare',
      codeVersion: CODE_VERSION,
      addressedBy,
      output: PrepareOutput,
      fresh: input.fresh,
      compute: () =>
        withScratch(ports, 'prepare', async (scratch) => {
          const rows = await collectRows(ports, input, split, sides, signal);
          for (const list of rows.values()) progress.total += list.length;
          let told = false;
          const seen = (count: number): void => {
            progress.done += count;
            if (told || progress.total - progress.done > LAST_ROWS) return;
            told = true;
            ports.trainsHere?.almostRendered();
          };
          return renderSides(rows, split.classes, shardRows(input.image), { ...rendering, scratch, seen });
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

async function renderShare(
  ports: DataPorts,
  input: PrepareShareInput,
  shardRows: ShardRows,
): Promise<{ shards: number }> {
  const activity = currentActivity();
  const { signal } = activity;
  setMaxListeners(0, signal);
  const progress = { stage: 'prepare', done: 0 };
  const rest = beating(activity, () => progress);
  try {
    const { split, sides, rendering } = await planRendering(ports, input, signal);
    return await withScratch(ports, 'prepare', async (scratch) => {
      const seen = (count: number): void => {
        progress.done += count;
      };
      const rows = await collectRows(ports, input, split, sides, signal);
      const mine = shareOf(rows.values(), shardRows(input.image), input.share);
      const context = { ...rendering, scratch, seen };
      const rendered = mapOrdered(mine, SHARDS_AT_ONCE, (slice) => renderShard(slice, context));
      let shards = 0;
      for await (const { rows } of rendered) shards += Math.min(1, rows);
      return { shards };
    });
  } finally {
    rest();
  }
}

/** Which picture goes where: what is small of every item, sorted. */
async function collectRows(
  { store }: DataPorts,
  { datasetManifestKey, task, only }: PrepareInput,
  split: SplitOutput,
  wantedSides: readonly Side[],
  signal: AbortSignal,
): Promise<Map<Side, PackedRows>> {
  const sides = new PackedSides();
  for await (const { unit, side } of readLines(store, split.assignments, Assignment, signal)) sides.add(unit, side);
  const labelOf = new Map(split.classes.map((label, index) => [label, index]));
  const rows = new Map(wantedSides.map((side): [Side, PackedRows] => [side, new PackedRows()]));
  const dropped = await droppedPaths(store, split.dropped ?? null, signal);
  const wanted = only === undefined ? null : await pathsOf(store, only, signal);
  const manifest = await requireDataset(store, datasetManifestKey, signal);
  for await (const item of datasetItems(store, manifest, signal)) {
    if (dropped.has(item.path)) continue;
    const side = sides.sideOf(unitOf(item));
    const label = task === 'detection' ? 0 : labelOf.get(item.label);
    if (side === undefined || label === undefined) {
      throw failedError('SPLIT_MISMATCH', datasetManifestKey, `${item.path} has no side`, 'the split of this data set');
    }
    if (side === 'train' && wanted?.has(item.path) === false) continue;
    const { width, height, boxes = [], attributes } = item;
    const said = attributes === undefined ? {} : { attributes };
    const picture = task === 'detection' ? { picture: { width, height, boxes, ...said } } : {};
    const { sha256, sizeBytes, path } = item;
    rows.get(side)?.add({ sha256, sizeBytes, path, label, ...picture });
  }
  for (const list of rows.values()) list.sort();
  return rows;
}

async function renderSides(
  rows: ReadonlyMap<Side, PackedRows>,
  classes: readonly string[],
  shardRows: number,
  context: RenderingContext,
): Promise<{ output: PrepareOutput; parts: BlobRef[] }> {
  const prepared: PrepareOutput['sides'] = {};
  const parts: BlobRef[] = [];
  for (const [side, all] of rows) {
    const shards: PreparedSide['shards'] = [];
    const slices = slicesOf(all, shardRows);
    for await (const shard of mapOrdered(slices, SHARDS_AT_ONCE, (slice) => renderShard(slice, context))) {
      const { key, sha256, sizeBytes, items } = shard;
      shards.push(shard);
      parts.push({ key, sha256, sizeBytes }, items);
    }
    prepared[side] = { rows: all.length, shards };
  }
  return { output: { image: context.image, classes: [...classes], sides: prepared }, parts };
}

function* slicesOf(rows: PackedRows, size: number): Generator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size);
}

/** Every `of`-th slice. */
function* shareOf(
  lists: Iterable<PackedRows>,
  size: number,
  { index, of }: PrepareShareInput['share'],
): Generator<readonly Row[]> {
  let number = 0;
  for (const rows of lists) {
    for (let start = 0; start < rows.length; start += size) {
      if (number++ % of === index) yield rows.slice(start, start + size);
    }
  }
}

function summaryOf({ image, sides }: PrepareOutput): string {
  const prepared = Object.values(sides);
  const rows = prepared.reduce((sum, side) => sum + side.rows, 0);
  const shards = prepared.reduce((sum, side) => sum + side.shards.length, 0);
  const size = `${image.heightPx}×${image.widthPx}×${image.channels}`;
  return `${rows.toLocaleString('en')} images of ${size} in ${shards} shards`;
}
