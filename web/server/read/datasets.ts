import { z } from 'zod';
import {
  DatasetItem,
  DatasetManifest,
  IngestOutput,
  QuarantinedItem,
  SplitOutput,
  ValidateOutput,
} from '../../../contracts/manifests.ts';
import type { Bin, Dataset, DatasetVersionRow } from '../../../contracts/web.ts';
import type { Sides } from '../../../core/detection/fit-anchors.ts';
import { inputError } from '../../../core/errors.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { readLinesOf } from '../../../infra/clients/read-stage.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { anchorFit } from './anchor-fit.ts';
import type { StageIndex } from './stage-index.ts';

const MAX_QUARANTINED = 500;
const MAX_GROUPS = 200;
const BINS = 24;

/** Versions of all data sets by name; of one alone where it is named. */
export async function listDatasets(store: ObjectStore, name?: string): Promise<Map<string, DatasetVersionRow[]>> {
  const found = new Map<string, DatasetVersionRow[]>();
  for await (const { key, modifiedAt } of store.list(name === undefined ? 'datasets/' : `datasets/${name}/`)) {
    const [, dataset, version] = /^datasets\/([^/]+)\/([0-9a-f]{64})\/manifest\.json$/.exec(key) ?? [];
    const manifest = dataset === undefined ? null : await readJson(store, key, DatasetManifest);
    if (dataset === undefined || version === undefined || !manifest) continue;
    const { images, classes, boxes = null, sizeBytes } = manifest;
    const row = { version, createdAt: modifiedAt.toISOString(), images, classes: classes.length, boxes, sizeBytes };
    found.set(dataset, [...(found.get(dataset) ?? []), row]);
  }
  for (const versions of found.values()) versions.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  return found;
}

/** A version of a data set, whole. Throws DATASET_NOT_FOUND (404). */
export async function requireDataset(store: ObjectStore, name: string, version: string): Promise<DatasetManifest> {
  const isName = /^[\w.-]{1,120}$/.test(name) && /^[0-9a-f]{64}$/.test(version);
  const manifest = isName ? await readJson(store, datasetKey(name, version), DatasetManifest) : null;
  if (manifest) return manifest;
  throw inputError(
    'DATASET_NOT_FOUND',
    name.slice(0, 120),
    `no version ${version.slice(0, 12)}`,
    'one that a run has read',
    'see /api/datasets',
  );
}

const datasetKey = (name: string, version: string): string => `datasets/${name}/${version}/manifest.json`;

export async function readItems(store: ObjectStore, { partitions }: DatasetManifest): Promise<DatasetItem[]> {
  const items: DatasetItem[] = [];
  for (const partition of partitions) items.push(...(await readLinesOf(store, partition, DatasetItem)));
  return items;
}

/** What there is to see of a data set before anything is trained. */
export async function datasetView(
  store: ObjectStore,
  stages: StageIndex,
  manifest: DatasetManifest,
  items: readonly DatasetItem[],
): Promise<Dataset> {
  const { name, version, format, images, boxes = null, sizeBytes, perClass, task = 'classification' } = manifest;
  const key = datasetKey(name, version);
  const [quarantine, duplicates, split] = await Promise.all([
    quarantineOf(store, stages, key),
    duplicatesOf(store, stages, key),
    splitOf(stages, key),
  ]);
  return {
    ...{ name, version, task, format, images, boxes, sizeBytes, quarantine, split },
    perClass: Object.entries(perClass)
      .map(([label, count]) => ({ label, count }))
      .sort((a, b) => b.count - a.count),
    sizes: {
      width: histogram(items.map((item) => item.width)),
      height: histogram(items.map((item) => item.height)),
      aspect: histogram(items.map((item) => item.width / item.height)),
    },
    boxSizes: histogram(items.flatMap(relativeSides).map(({ heightPx, widthPx }) => Math.sqrt(heightPx * widthPx))),
    anchorFit: anchorFit(items.flatMap(relativeSides)),
    duplicates: { total: duplicates.total, groups: duplicates.groups },
    findings: duplicates.findings,
  };
}

/** Of each box, in shares of its picture. */
function relativeSides({ boxes = [], width, height }: DatasetItem): Sides[] {
  return boxes.map((box) => ({
    heightPx: Math.max(0, box.yMax - box.yMin) / height,
    widthPx: Math.max(0, box.xMax - box.xMin) / width,
  }));
}

function histogram(values: readonly number[]): Bin[] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (values.length === 0) return [];
  if (low === high) return [{ from: low, to: high, count: values.length }];
  const width = (high - low) / BINS;
  const bins = Array.from({ length: BINS }, (_, i) => ({ from: low + i * width, to: low + (i + 1) * width, count: 0 }));
  for (const value of values) {
    const bin = bins[Math.min(BINS - 1, Math.floor((value - low) / width))];
    if (bin) bin.count++;
  }
  return bins;
}

async function quarantineOf(
  store: ObjectStore,
  stages: StageIndex,
  manifestKey: string,
): Promise<Dataset['quarantine']> {
  const found = await stages.newest('ingest', IngestOutput, ({ output }) => output.manifestKey === manifestKey);
  const blob = found?.output.quarantine;
  if (!found || !blob) return { total: 0, items: [] };
  const items = await readLinesOf(store, blob, QuarantinedItem);
  return { total: found.output.quarantined, items: items.slice(0, MAX_QUARANTINED) };
}

const Report = z.object({
  duplicates: z
    .object({ clusters: z.int(), examples: z.array(z.object({ a: z.string(), b: z.string() })) })
    .nullable()
    .default(null),
});

async function duplicatesOf(store: ObjectStore, stages: StageIndex, manifestKey: string) {
  const found = await stages.newest(
    'validate',
    ValidateOutput,
    ({ addressedBy }) => addressedBy['dataset'] === manifestKey,
  );
  if (!found) return { total: 0, groups: [], findings: [] };
  const { alike, findings, report } = found.output;
  if (alike) {
    const groups = await readLinesOf(store, alike, z.array(z.string()));
    const told = await readJson(store, report.key, Report);
    // Units are contents or groups: only the pairs of the report are told by path.
    const pairs = told?.duplicates?.examples.map(({ a, b }) => [a, b]) ?? [];
    return { total: groups.length, groups: pairs.slice(0, MAX_GROUPS), findings };
  }
  return { total: 0, groups: [], findings };
}

async function splitOf(stages: StageIndex, manifestKey: string): Promise<Dataset['split']> {
  const found = await stages.newest('split', SplitOutput, ({ output }) => output.datasetManifestKey === manifestKey);
  if (!found) return null;
  const { counts, perClass } = found.output;
  return {
    key: found.key,
    counts,
    perClass: Object.entries(perClass).map(([label, each]) => ({ label, counts: each })),
  };
}
