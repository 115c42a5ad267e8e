import { readFile } from 'node:fs/promises';
import type { ExportCheck } from '../../contracts/export.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import { compareFound, together } from '../../core/detection/compare-found.ts';
import type { FoundDifference } from '../../core/detection/compare-found.ts';
import { inPicture } from '../../core/detection/found-objects.ts';
import { suppressByClass } from '../../core/detection/suppression.ts';
import { suppressionFaults } from '../../core/detection/suppression-check.ts';
import type { SuppressedFrom } from '../../core/detection/suppression-check.ts';
import type { RowObjects } from '../../core/detection/row-objects.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { Detection, Detector } from '../detectors/detector.ts';
import { outputOf } from '../engine/index.ts';
import type { Output, Program } from '../engine/index.ts';
import { secondStageProgram } from '../detectors/detector-programs.ts';
import type { LearningDetector } from '../detectors/detector-programs.ts';
import { readObjects } from '../trainer/detector-inputs.ts';
import { sideHasObjects } from '../trainer/detector-score.ts';
import { detectionSet } from '../trainer/detector-validation.ts';
import type { JobHost } from '../trainer/job.ts';
import { range } from '../trainer/samples.ts';
import { loadDetector } from '../trainer/loaded-detector.ts';
import type { LoadedDetector } from '../trainer/loaded-detector.ts';
import type { ExportedModel, ExportedOutputs } from './exported-model.ts';
import { checkedRows, eachBatch, numbersOfOutput, TOLERANCE } from './original.ts';
import type { Original, OriginalOptions } from './original.ts';

/**
 * Of a Faster R-CNN's proposals so many may be others in a float32 export. Anchors on an empty border score the same but for
 * rounding, and of two that overlap only one is proposed.
 */
const OTHER_PROPOSALS = 0.1;
/** Proposals whose edges, in shares of the side, are no farther apart are the same. */
const SAME_PROPOSAL = 1e-3;
/** What scores less is shown to nobody: it does not count where objects are compared. */
const COUNTS_FROM = 0.05;

/**
 * A detector is compared with its export by what the network gives, number by number, by the rules of suppression, which
 * what the export leaves of its own numbers must keep, and by its mAP where objects are known. Proposals of a Faster R-CNN
 * may be others in another runtime: its second stage is compared on the export's own.
 */
export async function originalDetector({ job, samples, scratchDir }: OriginalOptions): Promise<Original> {
  // A Faster R-CNN is exported for one picture at a time.
  const batchSizes = job.model.detector?.kind === 'faster-rcnn' ? [1] : [1, 8];
  const more = (learning: LearningDetector): Readonly<Record<string, Program>> => {
    const { proposals } = learning.detector;
    return proposals === null ? {} : { [SECOND_STAGE]: secondStageProgram(learning, samples.shape, proposals) };
  };
  const loading = { batchSizes, shape: samples.shape, scratchDir, lossSizes: [], more };
  const original = await loadDetector(job.model, job.weightsPath, loading);
  const objects = (await sideHasObjects(job)) ? await readObjects(job.side) : null;
  const { detector } = original.learning;
  return {
    ...{ specs: detector.params, values: original.values, preprocessing: detector.backbone.preprocessing },
    anchors: detector.anchors,
    compare: (exported, host) =>
      compare({ job, samples, original, exported, objects, batchSize: Math.max(...batchSizes) }, host),
    refusal: ({ pixels }) => refusalOf(pixels, job.precision === 'float32'),
    dispose: () => {
      original.engine.dispose();
    },
  };
}

const SECOND_STAGE = 'second-stage';

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
  const proposals = { found: 0, others: 0 };
  await eachBatch(rows, batchSize, host, async (indexes) => {
    const pixels = await samples.read(indexes);
    const outputs = await exported.ofPixels(pixels, [indexes.length, ...samples.shape]);
    const own = original.outputs(pixels, indexes.length);
    const [before, found] = [detector.detections(own, indexes.length), foundIn(outputs, indexes.length, pair)];
    const network = detector.proposals === null ? own : secondStage(original, pixels, outputs);
    if (detector.proposals !== null) {
      const { values } = outputOf(own, 'proposals');
      proposals.found += detector.proposals;
      proposals.others += otherProposals(values, numbersOfOutput(outputs, 'raw_proposals'));
    }
    for (const row of indexes.keys()) {
      const candidates = candidatesOf(outputs, { row, rows: indexes.length, classes });
      const kept = found[row] ?? [];
      const wrong = suppressionFaults(kept, candidates, detector.suppression);
      const maxDifference = networkDifference(network, candidates, row);
      differences.push({ found: kept.length, missing: wrong, maxDifference });
      wanted.push(before[row] ?? []);
      got.push(kept);
    }
  });
  const figures = precisions(pair, rows, { wanted, got });
  return {
    pixels: { ...differenceOf(differences), ...(detector.proposals === null ? {} : { proposals }) },
    files: await compareFiles(pair),
    accuracy: null,
    ...(figures === null ? {} : { mAP50: figures }),
  };
}

/** What the model's second stage makes of the export's proposals. */
function secondStage(
  { engine }: LoadedDetector,
  pixels: Uint8Array,
  outputs: ExportedOutputs,
): ReadonlyMap<string, Output> {
  return engine.run(SECOND_STAGE, { x: pixels, proposals: numbersOfOutput(outputs, 'raw_proposals') });
}

/** How many of the model's proposals the export does not have; both [count × 4]. */
function otherProposals(own: Float32Array, exported: Float32Array): number {
  const count = own.length / 4;
  const same = (a: number, b: number): boolean =>
    [0, 1, 2, 3].every((edge) => Math.abs((own[a * 4 + edge] ?? 0) - (exported[b * 4 + edge] ?? 0)) <= SAME_PROPOSAL);
  const places = range(0, count);
  return places.filter((place) => !places.some((other) => same(place, other))).length;
}

/** Of a score, or of an edge as a share of the side, or of itself where it lies far beyond. */
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

function refusalOf(pixels: ExportCheck['pixels'], lossless: boolean): ReturnType<Original['refusal']> {
  const { maxDifference, objects, proposals } = pixels;
  if (objects && objects.wrong > 0) {
    const seen = `${objects.wrong} objects break the rules of suppression, of ${objects.found}`;
    return { seen, expected: 'none' };
  }
  if (!lossless) return maxDifference <= Number.MAX_VALUE ? null : { seen: 'what is no number', expected: 'numbers' };
  if (maxDifference > TOLERANCE) {
    const seen = `a score or an edge of a box differs by ${maxDifference.toExponential(1)} from the model's own`;
    return { seen, expected: `at most ${TOLERANCE}` };
  }
  if (!proposals || proposals.others <= proposals.found * OTHER_PROPOSALS) return null;
  const seen = `${proposals.others} of ${proposals.found} proposals are others than the model's`;
  return { seen, expected: `at most ${OTHER_PROPOSALS * 100} in 100` };
}
