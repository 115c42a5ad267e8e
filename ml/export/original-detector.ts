import { readFile } from 'node:fs/promises';
import type { ExportCheck } from '../../contracts/export.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import { compareFound, together } from '../../core/detection/compare-found.ts';
import type { FoundDifference } from '../../core/detection/compare-found.ts';
import { inPicture } from '../../core/detection/found-objects.ts';
import { suppressByClass } from '../../core/detection/suppression.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { Detection } from '../detectors/detector.ts';
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

/** Of all objects, how many may have no counterpart in a float32 export: suppression makes another object of a rounding. */
const MISSING_SHARE = 0.01;

/** A detector is compared object by object, and by its mAP where objects are known. */
export async function originalDetector({ job, samples, scratchDir }: OriginalOptions): Promise<Original> {
  // A Faster R-CNN is exported for one picture at a time.
  const batchSize = job.model.detector?.kind === 'faster-rcnn' ? 1 : 8;
  const loading = { batchSizes: [batchSize], shape: samples.shape, scratchDir, lossSizes: [] };
  const original = await loadDetector(job.model, job.weightsPath, loading);
  const objects = (await sideHasObjects(job)) ? await readObjects(job.side) : null;
  const { detector } = original.learning;
  return {
    ...{ specs: detector.params, values: original.values, preprocessing: detector.backbone.preprocessing },
    compare: (exported, host) => compare({ job, samples, original, exported, objects, batchSize }, host),
    refusal: ({ pixels }) => refusalOf(pixels, job.precision === 'float32'),
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
  const rows = checkedRows(job, samples);
  const [wanted, got]: [Detection[][], Detection[][]] = [[], []];
  await eachBatch(rows, batchSize, host, async (indexes) => {
    const pixels = await samples.read(indexes);
    const outputs = await exported.ofPixels(pixels, [indexes.length, ...samples.shape]);
    wanted.push(...original.detections(pixels, indexes.length));
    got.push(...foundIn(outputs, indexes.length, pair));
  });
  const differences = wanted.map((own, row) => compareFound(own, got[row] ?? []));
  const figures = precisions(pair, rows, { wanted, got });
  return {
    pixels: differenceOf(differences),
    files: await compareFiles(pair),
    accuracy: null,
    ...(figures === null ? {} : { mAP50: figures }),
  };
}

function differenceOf(differences: readonly FoundDifference[]): ExportCheck['pixels'] {
  const { found, missing, maxDifference } = together(differences);
  return { images: differences.length, maxDifference, objects: { found, missing } };
}

/** What the export makes of files itself, in shares of the picture, against graft's rendering of them. */
async function compareFiles({ job, original, exported, samples, ...pair }: Pair): Promise<ExportCheck['files']> {
  if (exported.ofFiles === null) return null;
  const differences: FoundDifference[] = [];
  for (const { path, row, widthPx, heightPx } of job.pictures) {
    const [inFrame = []] = original.detections(await samples.read([row]), 1);
    const wanted = inPicture(inFrame, job.model.image, { width: widthPx, height: heightPx });
    const within = wanted.map(({ box: [top, left, bottom, right], ...each }) => {
      return { ...each, box: [cut(top), cut(left), cut(bottom), cut(right)] as const };
    });
    const outputs = exported.ofFiles([new Uint8Array(await readFile(path))]);
    const [got = []] = foundIn(outputs, 1, { job, original, exported, samples, ...pair });
    differences.push(compareFound(within, got));
  }
  return differenceOf(differences);
}

const cut = (edge: number): number => Math.min(1, Math.max(0, edge));

/** Objects of each row: of a format without suppression, what graft's own leaves. */
function foundIn(outputs: ExportedOutputs, rows: number, { original, job }: Pair): Detection[][] {
  if (outputs.has('raw_scores')) return suppressedIn(outputs, rows, original, job.model.classes.length);
  const [boxes, scores, indexes] = ['boxes', 'scores', 'indexes'].map((name) => numbersOfOutput(outputs, name));
  if (!boxes || !scores || !indexes) throw new Error('an output is missing');
  const most = scores.length / rows;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: most }, (_each, i) => row * most + i)
      // What is no number is kept, so that it is seen.
      .filter((at) => scores[at] !== 0)
      .map((at): Detection => ({ label: indexes[at] ?? 0, score: scores[at] ?? 0, box: sidesAt(boxes, at) })),
  );
}

function suppressedIn(
  outputs: ExportedOutputs,
  rows: number,
  { learning }: LoadedDetector,
  classes: number,
): Detection[][] {
  const [boxes, scores] = [numbersOfOutput(outputs, 'raw_boxes'), numbersOfOutput(outputs, 'raw_scores')];
  const { suppression } = learning.detector;
  const part = (of: Float32Array, row: number): Float32Array =>
    of.subarray((row * of.length) / rows, ((row + 1) * of.length) / rows);
  return Array.from({ length: rows }, (_, row) => {
    const own = part(boxes, row);
    return suppressByClass(own, part(scores, row), classes, suppression).map(({ index, label, score }): Detection => {
      const [top, left, bottom, right] = sidesAt(own, index);
      const edge = suppression.clips ? cut : (value: number): number => value;
      return { label, score, box: [edge(top), edge(left), edge(bottom), edge(right)] };
    });
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
  { maxDifference, objects = { found: 0, missing: 0 } }: ExportCheck['pixels'],
  lossless: boolean,
): ReturnType<Original['refusal']> {
  const { found, missing } = objects;
  // Where bits were given away much may be another, but not all.
  const allowed = lossless ? Math.max(1, Math.floor(found * MISSING_SHARE)) : Math.max(0, found - 1);
  if (missing > allowed && found > 0)
    return { seen: `${missing} of ${found} objects have no counterpart in it`, expected: `at most ${allowed}` };
  if (!lossless || maxDifference <= TOLERANCE) return null;
  const seen = `a score or an edge of a box differs by ${maxDifference.toExponential(1)} from the model's own`;
  return { seen, expected: `at most ${TOLERANCE}` };
}
