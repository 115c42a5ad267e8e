import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { IngestOutput, QuarantinedItem } from '../../contracts/manifests.ts';
import type { DatasetManifest } from '../../contracts/manifests.ts';
import type { IngestInput, IngestResult, IngestShareInput } from '../../contracts/stages.ts';
import { classesOf } from '../../core/dataset/annotations.ts';
import { groupRule, identityLine } from '../../core/dataset/items.ts';
import { someOf } from '../../core/dataset/names.ts';
import { sortedClasses } from '../../core/dataset/order.ts';
import { isOverLimit, quarantineError } from '../../core/dataset/quarantine.ts';
import { inputError } from '../../core/errors.ts';
import { asDatasetVersion, asSha256 } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import type { DatasetSource } from '../../infra/ports/dataset-source.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { beating } from '../lib/beating.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { encodeLines, putPart, readLines } from '../lib/json-lines.ts';
import { withScratch } from '../lib/scratch.ts';
import { cachedStage } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';
import { commitDataset, partsOf } from './commit-dataset.ts';
import { chunksOf, fingerprint } from './listing.ts';
import type { ListingFingerprint } from './listing.ts';
import { readChunk } from './read-chunk.ts';
import type { ReadChunk, ReadingContext } from './read-chunk.ts';

const CODE_VERSION = 2;
/** Above the limit, the rest is read all the same so that the error can give totals; but not for ever. */
const BAD_ENOUGH = 10_000;

/**
 * Reads a data set into the store: every picture decoded once, hashed, and stored under its hash; what is no picture
 * quarantined with its reason. The data set's version is the hash of its sorted items, wherever they came from.
 */
export function createIngestActivities(ports: DataPorts) {
  return {
    ingestDataset: atActivityEdge((input: IngestInput) => ingest(ports, input)),
    readShare: atActivityEdge((input: IngestShareInput) => readShare(ports, input)),
  };
}

/**
 * Reads every `of`-th partition of a data set and leaves its record for `ingestDataset`, which then finds what it would
 * have read: so several workers read at once, and a share that is read twice, or not at all, changes nothing.
 */
async function readShare(ports: DataPorts, input: IngestShareInput): Promise<{ partitions: number }> {
  const activity = currentActivity();
  const { signal } = activity;
  setMaxListeners(0, signal);
  const progress = { stage: 'ingest', done: 0 };
  const rest = beating(activity, () => progress);
  try {
    return await withScratch(ports, 'ingest', async (scratch) => {
      const seen = (files: number): void => {
        progress.done += files;
      };
      const context = { ...(await openReading(ports, input, signal)), scratch, signal, seen };
      let [chunks, partitions] = [0, 0];
      for await (const chunk of chunksOf(context.source, null, signal)) {
        if (chunks++ % input.share.of !== input.share.index) continue;
        await readChunk(chunk, context);
        partitions++;
      }
      return { partitions };
    });
  } finally {
    rest();
  }
}

/** How an item is read; the same for all who read a data set. */
async function openReading(ports: DataPorts, { dataset, datasetName, task }: IngestInput, signal: AbortSignal) {
  const { groupBy } = dataset.split;
  const groupOf = unwrap(groupRule(groupBy));
  const wanted = task === 'auto' ? {} : { task: task ?? 'classification' };
  const options = { ...wanted, window: dataset.window, hierarchy: dataset.hierarchy, signal };
  const source = await ports.openSource(dataset.source, dataset.format, options);
  const { outsideBoxes } = dataset;
  return { ports, source, datasetName, codeVersion: CODE_VERSION, groupBy, groupOf, outsideBoxes };
}

interface Progress {
  phase: 'listing' | 'reading';
  done: number;
  total: number | null;
}

async function ingest(ports: DataPorts, input: IngestInput): Promise<IngestResult> {
  const { dataset, datasetName } = input;
  const { groupBy } = dataset.split;
  const activity = currentActivity();
  const { signal } = activity;
  // Every file under way listens to it: many, and no leak.
  setMaxListeners(0, signal);
  const progress: Progress = { phase: 'listing', done: 0, total: null };
  const rest = beating(activity, () => ({ stage: 'ingest', ...progress }));
  try {
    const reading = await openReading(ports, input, signal);
    const { source } = reading;
    const listing = await fingerprint(source, signal, () => progress.done++);
    Object.assign(progress, { phase: 'reading', done: 0, total: listing.entries });
    const answer = await cachedStage({
      store: ports.store,
      clock: ports.clock,
      signal,
      stage: 'ingest',
      codeVersion: CODE_VERSION,
      addressedBy: {
        dataset: datasetName,
        format: source.format,
        listing: listing.sha256,
        files: listing.entries,
        groupBy,
        ...(source.task === 'classification' ? {} : { task: source.task, outsideBoxes: dataset.outsideBoxes }),
      },
      output: IngestOutput,
      fresh: input.fresh,
      compute: (partsPrefix) =>
        withScratch(ports, 'ingest', async (scratch) => {
          const seen = (files: number): void => {
            progress.done += files;
          };
          return readDataset({ ...reading, scratch, signal, seen }, listing, dataset.maxQuarantined, partsPrefix);
        }),
    });
    await checkQuarantine(ports, answer.output, dataset.maxQuarantined, source.where, signal);
    return { stage: 'ingest', ...answer, summary: summaryOf(answer.output) };
  } finally {
    rest();
  }
}

async function readDataset(
  context: ReadingContext,
  listing: ListingFingerprint,
  maxShare: number,
  partsPrefix: string,
) {
  const { ports, source, signal, datasetName } = context;
  const tally = new Tally();
  for await (const chunk of chunksOf(source, listing, signal)) {
    tally.add(await readChunk(chunk, context));
    if (tally.quarantined.length > Math.max(BAD_ENOUGH, maxShare * listing.entries)) break;
  }
  refuseUnusable(tally, listing, maxShare, context);
  const { manifest, blob } = await commitDataset(ports.store, tally.manifest(datasetName, source), signal);
  const quarantine =
    tally.quarantined.length === 0
      ? null
      : await putPart(ports.store, `${partsPrefix}quarantine.jsonl`, encodeLines(tally.quarantined), signal);
  const output = {
    dataset: datasetName,
    version: manifest.version,
    manifestKey: blob.key,
    classes: manifest.classes,
    images: manifest.images,
    quarantined: tally.quarantined.length,
    quarantine,
  };
  return { output, parts: [blob, ...partsOf(manifest), ...(quarantine === null ? [] : [quarantine])] };
}

/** What the chunks add up to. */
class Tally {
  readonly quarantined: QuarantinedItem[] = [];
  readonly perClass = new Map<string, number>();
  images = 0;
  boxes = 0;
  groups = 0;
  private readonly version = createHash('sha256');
  private readonly partitions: DatasetManifest['partitions'] = [];
  private sizeBytes = 0;

  add({ partition, items, quarantined }: ReadChunk): void {
    if (partition !== null) this.partitions.push(partition);
    this.quarantined.push(...quarantined);
    for (const item of items) {
      this.images += 1;
      this.sizeBytes += item.sizeBytes;
      this.groups += item.group === undefined ? 0 : 1;
      this.boxes += item.boxes?.length ?? 0;
      for (const label of item.boxes?.map((box) => box.label) ?? classesOf(item)) {
        this.perClass.set(label, (this.perClass.get(label) ?? 0) + 1);
      }
      this.version.update(identityLine(item));
    }
  }

  manifest(name: string, { format, task }: DatasetSource): DatasetManifest {
    const classes = sortedClasses(this.perClass.keys());
    return {
      kind: 'graft.dataset/1',
      name,
      version: asDatasetVersion(asSha256(this.version.digest('hex'))),
      format,
      ...(task === 'classification' ? {} : { task }),
      classes,
      images: this.images,
      ...(task === 'classification' ? {} : { boxes: this.boxes }),
      sizeBytes: this.sizeBytes,
      perClass: Object.fromEntries(classes.map((label) => [label, this.perClass.get(label) ?? 0])),
      partitions: this.partitions,
    };
  }
}

/** DATASET_QUARANTINE, DATASET_CLASSES or DATASET_GROUP: before anything is committed. */
function refuseUnusable(
  tally: Tally,
  listing: ListingFingerprint,
  maxShare: number,
  { source, groupBy }: ReadingContext,
): void {
  const counts = { usable: tally.images, quarantined: tally.quarantined.length, maxShare };
  if (isOverLimit(counts) || tally.images === 0) throw quarantineError(source.where, counts, tally.quarantined);
  if (source.task === 'classification') refuseClasses(tally, listing, source.where);
  else if (tally.boxes === 0) {
    const seen = `no box in ${tally.images} pictures`;
    throw inputError('DATASET_CLASSES', source.where, seen, 'boxes', 'annotate them, or look at the layout');
  }
  if (groupBy !== null && tally.groups === 0) {
    const seen = `${JSON.stringify(groupBy)} matches none of ${tally.images} paths`;
    throw inputError('DATASET_GROUP', 'dataset.split.groupBy', seen, 'a group in the paths', 'correct the expression');
  }
}

function refuseClasses(tally: Tally, listing: ListingFingerprint, where: string): void {
  const lost = [...listing.perClass.keys()].filter((label) => !tally.perClass.has(label));
  if (lost.length > 0) {
    const [first] = tally.quarantined;
    const seen = `no readable picture in ${someOf(lost)}${first ? `; ${first.path}: ${first.reason}` : ''}`;
    throw inputError('DATASET_CLASSES', where, seen, 'pictures in every class', 'mend or remove the class');
  }
  if (tally.perClass.size < 2) {
    const seen = `one class only: ${someOf([...tally.perClass.keys()])}`;
    throw inputError('DATASET_CLASSES', where, seen, 'two classes or more', 'add another class');
  }
}

/** A reused result may have been read under a more generous limit. */
async function checkQuarantine(
  { store }: DataPorts,
  { images, quarantined, quarantine }: IngestOutput,
  maxShare: number,
  where: string,
  signal: AbortSignal,
): Promise<void> {
  const counts = { usable: images, quarantined, maxShare };
  if (quarantine === null || !isOverLimit(counts)) return;
  const bad: QuarantinedItem[] = [];
  for await (const item of readLines(store, quarantine, QuarantinedItem, signal)) bad.push(item);
  throw quarantineError(where, counts, bad);
}

function summaryOf({ images, classes, quarantined }: IngestOutput): string {
  const bad = quarantined === 0 ? '' : `, ${quarantined} quarantined`;
  return `${images.toLocaleString('en')} images in ${classes.length} classes${bad}`;
}
