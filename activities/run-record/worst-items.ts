import { CocoResults, NamedGroundTruth } from '../../contracts/coco-files.ts';
import type { BlobRef, EvaluateOutput } from '../../contracts/manifests.ts';
import { GraftError } from '../../core/errors.ts';
import { isSha256 } from '../../core/ids.ts';
import { argMax, softmax } from '../../core/metrics/classification.ts';
import { judgedPictures } from '../../core/metrics/detection/judged-pictures.ts';
import type { WorstItem } from '../../core/report/run-story.ts';
import { unwrap } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { blobKey } from '../lib/dataset.ts';
import { parseAs, readJson } from '../lib/json-object.ts';
import type { Tested } from './tested.ts';

/** Pictures that a report carries along, and how large each may be: it is to stay a file that is sent by mail. */
const WORST = 12;
const MAX_PICTURE_BYTES = 200_000;

/** A classifier's surest mistakes; the pictures in which a detector has most wrong. */
export function readWorst(
  store: ObjectStore,
  { detection }: EvaluateOutput,
  tested: Tested,
  classes: readonly string[],
): Promise<WorstItem[]> {
  return detection ? worstPictures(store, detection, tested.items) : worstMistakes(store, tested, classes);
}

/** What a detector missed and mistook, drawn into its pictures. */
async function worstPictures(
  store: ObjectStore,
  { metrics, detections, groundTruth }: NonNullable<EvaluateOutput['detection']>,
  items: Tested['items'],
): Promise<WorstItem[]> {
  const worst = metrics.worst.slice(0, WORST);
  const [truth, results] = await Promise.all([
    readPart(store, groundTruth, parseAs(NamedGroundTruth)),
    readPart(store, detections, parseAs(CocoResults)),
  ]);
  if (worst.length === 0 || !truth || !results) return [];
  const names = worst.map(({ path }) => path);
  const judged = unwrap(judgedPictures(truth, results, names, metrics.scoreThreshold));
  const sha256Of = new Map(items.map(({ path, sha256 }) => [path, sha256]));
  return Promise.all(
    judged.map(async (frame) => ({
      kind: 'boxes' as const,
      frame,
      picture: await picture(store, sha256Of.get(frame.path)),
    })),
  );
}

async function readPart<T>(
  store: ObjectStore,
  { key, sha256 }: BlobRef,
  parse: (value: unknown) => Result<T, GraftError>,
): Promise<T | null> {
  return unwrap(await readJson(store, key, parse, { sha256 }))?.value ?? null;
}

async function worstMistakes(
  store: ObjectStore,
  { items, answers }: Tested,
  classes: readonly string[],
): Promise<WorstItem[]> {
  if (!answers) return [];
  const mistakes = surestMistakes(answers.logits, answers.labels, classes.length);
  return Promise.all(
    mistakes.map(async ({ row, truth, given, score }) => ({
      kind: 'class' as const,
      path: items[row]?.path ?? '',
      truth: classes[truth] ?? String(truth),
      predicted: classes[given] ?? String(given),
      score,
      picture: await picture(store, items[row]?.sha256),
    })),
  );
}

function surestMistakes(logits: Float32Array, labels: Int32Array, classes: number) {
  const mistakes: { row: number; truth: number; given: number; score: number }[] = [];
  for (const [row, truth] of labels.entries()) {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    const given = argMax(scores);
    if (given !== truth) mistakes.push({ row, truth, given, score: softmax(scores)[given] ?? 0 });
  }
  return mistakes.sort((a, b) => b.score - a.score).slice(0, WORST);
}

/** What its first bytes say it is, and a browser shows. */
const TYPES: readonly (readonly [string, string])[] = [
  ['image/jpeg', 'ffd8ff'],
  ['image/png', '89504e470d0a1a0a'],
  ['image/gif', '47494638'],
];

async function picture(store: ObjectStore, sha256: string | undefined): Promise<string | null> {
  if (sha256 === undefined || !isSha256(sha256)) return null;
  try {
    const found = await store.get(blobKey(sha256), { sha256, maxBytes: MAX_PICTURE_BYTES });
    if (!found) return null;
    const bytes = Buffer.from(found.body);
    const type = TYPES.find(([, magic]) => bytes.toString('hex', 0, magic.length / 2) === magic)?.[0];
    return type === undefined ? null : `data:${type};base64,${bytes.toString('base64')}`;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_SIZE') return null;
    throw error;
  }
}
