import { readFile } from 'node:fs/promises';
import type { ExportCheck } from '../../contracts/export.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import { compareFound, together } from '../../core/detection/compare-found.ts';
import type { FoundDifference } from '../../core/detection/compare-found.ts';
import { inPicture } from '../../core/detection/found-objects.ts';
import { suppressByClass } from '../../core/detection/suppression.ts';
import { suppressionFaults } from '../../core/detection/suppression-check.ts';
import type { SuppressedFrom } from '../../core/detection/suppression-check.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { Detection, Detector } from '../detectors/detector.ts';
import { outputOf } from '../engine/index.ts';
import type { Output } from '../engine/index.ts';
import { readObjects } from '../trainer/detector-inputs.ts';
import type { RowObjects } from '../trainer/detector-inputs.ts';
import { sideHasObjects } from '../trainer/detector-score.ts';
import { detectionSet } from '../trainer/detector-validation.ts';
import type { JobHost } from '../trainer/job.ts';
import { loadDetector } from '../trainer/loaded-detector.ts';
import type { LoadedDetector } from '../trainer/loaded-detector.ts';
import type { ExportedModel, ExportedOutputs } from './exported-model.ts';
import { checkedRows, eachBatch, numbersOfOutput, TOLERANCE } from './original.ts';
import type { Original, OriginalOptions } from './original.ts';

/** Of a Faster R-CNN's objects so many may be others in a float32 export: its proposals are suppressed on the way. */
const OTHERS = 0.01;
/** What scores less is shown to nobody: it does not count where objects are compared. */
const COUNTS_FROM = 0.05;

/**
 * A detector is compared with its export by what the network gives and by what suppression leaves of it, and by its mAP where
 * objects are known. Of an SSD every box and score is compared. A Faster R-CNN suppresses proposals on the way, where a
 * rounding makes another proposal: its objects are compared with those that are most alike.
 */
export async function originalDetector({ job, samples, scratchDir }: OriginalOptions): Promise<Original> {
  // A Faster R-CNN is exported for one picture at a time.
  const batchSizes = job.model.detector?.kind === 'faster-rcnn' ? [1] : [1, 8];
  const loading = { batchSizes, shape: samples.shape, scratchDir, lossSizes: [] };
  const original = await loadDetector(job.model, job.weightsPath, loading);
  const objects = (await sideHasObjects(job)) ? await readObjects(job.side) : null;
  const { detector } = original.learning;
  return {
    ...{ specs: detector.params, values: original.values, preprocessing: detector.backbone.preprocessing },
    compare: (exported, host) =>
      compare({ job, samples, original, exported, objects, batchSize: Math.max(...batchSizes) }, host),
    refusal: ({ pixels }) => refusalOf(pixels, { lossless: job.precision === 'float32', kind: detector.kind }),
    dispose: () => {
      original.engine.dispose();
    },
  };
}

interface Pair extends Pick<OriginalOptions, 'job' | 'samples'> {
  readonly original: LoadedDetector;
  readonly exported: ExportedModel;
  /** Of all rows; null where none are known. */
  readonly objects: readonly RowObjects[] | null;
  readonly batchSize: number;
}

async function compare(pair: Pair, host: JobHost): Promise<ExportCheck> {
  const { job, samples, exported, original, batchSize } = pair;
  const { detector } = original.learning;
  const classes = job.model.classes.length;
  const rows = checkedRows(job, samples);
  const [wanted, got]: [Detection[][], Detection[][]] = [[], []];
  const differences: FoundDifference[] = [];
  await eachBatch(rows, batchSize, host, async (indexes) => {
    const pixels = await samples.read(indexes);
    const outputs = await exported.ofPixels(pixels, [indexes.length, ...samples.shape]);
    const own = original.outputs(pixels, indexes.length);
    const [before, found] = [detector.detections(own, indexes.length), foundIn(outputs, indexes.length, pair)];
    for (const row of indexes.keys()) {
      const candidates = candidatesOf(outputs, { row, rows: indexes.length, classes });
      const [first, second] = [before[row] ?? [], found[row] ?? []];
      const faults = suppressionFaults(second, candidates, detector.suppression);
      const network =
        detector.kind === 'ssd'
          ? { found: second.length, missing: 0, maxDifference: networkDifference(own, candidates, row) }
          : compareFound(first, second, COUNTS_FROM);
      differences.push({ ...network, missing: network.missing + faults });
      wanted.push(first);
      got.push(second);
    }
  });
  const figures = precisions(pair, rows, { wanted, got });
  return {
    pixels: differenceOf(differences),
    files: await compareFiles(pair),
    accuracy: null,
    ...(figures === null ? {} : { mAP50: figures }),
  };
}

/** Of an SSD: of a score, or of an edge as a share of the side, or of itself where it lies far beyond. */
function networkDifference(own: ReadonlyMap<string, Output>, { boxes, scores }: SuppressedFrom, row: number): number {
  const of = (name: string, length: number): Float32Array =>
    outputOf(own, name).values.subarray(row * length, (row + 1) * length);
  return Math.max(
    largestDifference(of('boxes', boxes.length), boxes),
    largestDifference(of('scores', scores.length), scores),
  );
}

function largestDifference(a: Float32Array, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${b.length} numbers for ${a.length}`);
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const difference = Math.abs(value - (b[index] ?? 0)) / Math.max(1, Math.abs(value));
    // NaN compares with nothing: it is the largest of all.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

function differenceOf(differences: readonly FoundDifference[]): ExportCheck['pixels'] {
  const { found, missing: wrong, maxDifference } = together(differences);
  return { images: differences.length, maxDifference, objects: { found, wrong } };
}

/** What the export makes of files itself, in shares of the picture, against graft's rendering of them. */
async function compareFiles(pair: Pair): Promise<ExportCheck['files']> {
  const { job, original, exported, samples } = pair;
  if (exported.ofFiles === null) return null;
  const differences: FoundDifference[] = [];
  for (const { path, row, widthPx, heightPx } of job.pictures) {
    const [inFrame = []] = original.detections(await samples.read([row]), 1);
    const wanted = inPicture(inFrame, job.model.image, { width: widthPx, height: heightPx });
    const within = wanted.map((each) => ({ ...each, box: cutAll(each.box) }));
    const [got = []] = foundIn(exported.ofFiles([new Uint8Array(await readFile(path))]), 1, pair);
    differences.push(compareFound(within, got, COUNTS_FROM));
  }
  return differenceOf(differences);
}

const cutAll = ([top, left, bottom, right]: Detection['box']): Detection['box'] => [
  cut(top),
  cut(left),
  cut(bottom),
  cut(right),
];
const cut = (edge: number): number => Math.min(1, Math.max(0, edge));

/** What a row's suppression began with. */
function candidatesOf(
  outputs: ExportedOutputs,
  { row, rows, classes }: { readonly row: number; readonly rows: number; readonly classes: number },
): SuppressedFrom & { readonly boxes: Float32Array; readonly scores: Float32Array } {
  const part = (name: string): Float32Array => {
    const values = numbersOfOutput(outputs, name);
    return values.subarray((row * values.length) / rows, ((row + 1) * values.length) / rows);
  };
  return { boxes: part('raw_boxes'), scores: part('raw_scores'), classes };
}

/** Objects of each row: of a format without suppression, what graft's own leaves. */
function foundIn(outputs: ExportedOutputs, rows: number, { original, job }: Pair): Detection[][] {
  const { suppression } = original.learning.detector;
  const classes = job.model.classes.length;
  const scores = outputs.get('scores');
  return Array.from({ length: rows }, (_, row) => {
    if (scores === undefined) return suppressed(candidatesOf(outputs, { row, rows, classes }), suppression);
    const [boxes, indexes] = [numbersOfOutput(outputs, 'boxes'), numbersOfOutput(outputs, 'indexes')];
    const most = scores.length / rows;
    // What is no number is kept, so that it is seen.
    const found = Array.from({ length: most }, (_each, i) => row * most + i).filter((at) => scores[at] !== 0);
    return found.map((at) => ({ label: indexes[at] ?? 0, score: scores[at] ?? 0, box: sidesAt(boxes, at) }));
  });
}

function suppressed(
  { boxes, scores, classes }: ReturnType<typeof candidatesOf>,
  suppression: Detector['suppression'],
): Detection[] {
  return suppressByClass(boxes, scores, classes, suppression).map(({ index, label, score }) => {
    const box = sidesAt(boxes, index);
    return { label, score, box: suppression.clips ? cutAll(box) : box };
  });
}

function precisions(
  { objects, job, samples }: Pair,
  rows: readonly number[],
  { wanted, got }: { readonly wanted: readonly Detection[][]; readonly got: readonly Detection[][] },
): NonNullable<ExportCheck['mAP50']> | null {
  const own = objects === null ? [] : rows.flatMap((row) => objects[row] ?? []);
  if (own.every(({ labels }) => labels.length === 0)) return null;
  const [heightPx = 1, widthPx = 1] = samples.shape;
  const mAP50 = (found: readonly Detection[][]): number =>
    evaluateCoco(detectionSet(found, own, job.model.classes, { heightPx, widthPx })).figures.AP50;
  return { images: rows.length, original: mAP50(wanted), exported: mAP50(got) };
}

function refusalOf(
  { maxDifference, objects = { found: 0, wrong: 0 } }: ExportCheck['pixels'],
  { lossless, kind }: { readonly lossless: boolean; readonly kind: Detector['kind'] },
): ReturnType<Original['refusal']> {
  const { found, wrong } = objects;
  // A Faster R-CNN's objects are compared with the model's own: where bits were given away much may be another, but not all.
  const share = lossless ? Math.max(1, Math.floor(found * OTHERS)) : Math.max(0, found - 1);
  const allowed = kind === 'ssd' ? 0 : share;
  if (wrong > allowed) {
    const seen = `${wrong} objects are others than the model and its suppression give, of ${found}`;
    return { seen, expected: `at most ${allowed}` };
  }
  const limit = lossless ? TOLERANCE : Number.MAX_VALUE;
  if (maxDifference <= limit) return null;
  const seen = `a score or an edge of a box differs by ${maxDifference.toExponential(1)} from the model's own`;
  return { seen, expected: lossless ? `at most ${TOLERANCE}` : 'a number' };
}
