import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { FramedBox, TrainingPicture, TrainingPictures, TrainingPicturesQuery } from '../../../contracts/web.ts';
import { drawMix } from '../../../core/augment/pixels.ts';
import { partnerOf } from '../../../core/augment/partner.ts';
import { augmentParts, isAugmenting } from '../../../core/augment/settings.ts';
import { augmentedInSteps, bytesOf, mixedValues } from '../../../core/augment/show.ts';
import { augmentObjects } from '../../../core/detection/augment.ts';
import { boxCount, sidesAt } from '../../../core/detection/boxes.ts';
import type { Objects } from '../../../core/detection/targets.ts';
import { inputError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { pngOf } from '../../../infra/tensorboard/png.ts';
import { lately } from './lately.ts';
import { pageOf } from './paging.ts';
import { readShard, readTraining } from './training.ts';
import type { ShardRows, Training } from './training.ts';

/** What a training was shown: by the code and the addresses that it drew with. */
export interface TrainingSheet {
  page(runId: RunId, query: TrainingPicturesQuery): Promise<TrainingPictures>;
  /** A PNG: of `epoch` (from 1), or as prepared where it is null. TRAINING_NOT_FOUND and PICTURE_NOT_FOUND (404). */
  png(runId: RunId, row: number, epoch: number | null): Promise<Buffer>;
}

/** Of up to 64 MiB each. */
const SHARDS_KEPT = 3;
const MAX_WAITING = 128;
/** A picture of 1,333 × 800 takes a second. */
const BREATH_MS = 10;

interface Row {
  readonly pixels: Uint8Array;
  readonly label: string | null;
  readonly objects: Objects | null;
  readonly path: string;
}

export function createTrainingSheet(store: ObjectStore): TrainingSheet {
  const trainings = lately<Training>(8);
  const shards = lately<ShardRows>(SHARDS_KEPT);
  const oneAtATime = pLimit(1);
  const trainingOf = (runId: RunId) => trainings(runId, () => readTraining(store, runId));
  const rowOf = async ({ shards: all, image, classes }: Training, row: number): Promise<Row> => {
    let first = 0;
    for (const shard of all) {
      const at = row - first;
      first += shard.rows;
      if (row >= first) continue;
      const { pixels, labels, objects, paths } = await shards(shard.key, () => readShard(store, shard));
      const bytes = image.heightPx * image.widthPx * image.channels;
      const label = objects ? null : (classes[labels[at] ?? -1] ?? null);
      const picture = pixels.subarray(at * bytes, (at + 1) * bytes);
      return { pixels: picture, label, objects: objects?.[at] ?? null, path: paths[at] ?? '' };
    }
    throw pictureMissing(`row ${row}`);
  };
  return {
    page: async (runId, { epoch, draws, cursor, limit }) => {
      const training = await trainingOf(runId);
      const last = Math.min(training.epochs, epoch + draws - 1);
      const epochs = Array.from({ length: Math.max(0, last - epoch + 1) }, (_, i) => epoch + i);
      const { part, ...rest } = pageOf(
        Array.from({ length: training.rows }, (_, row) => row),
        cursor,
        limit,
      );
      const items: TrainingPicture[] = [];
      for (const row of part) items.push(await pictureOf(training, row, epochs, (each) => rowOf(training, each)));
      const { epochs: all, seed, augment } = training;
      return { ...{ epochs: all, seed, on: namesOf(augment), items }, ...rest };
    },
    png: async (runId, row, epoch) => {
      if (oneAtATime.pendingCount >= MAX_WAITING) {
        const seen = `${oneAtATime.pendingCount} wait to be drawn`;
        throw inputError('TOO_MANY', 'pictures', seen, `at most ${MAX_WAITING}`, 'wait a moment');
      }
      return oneAtATime(async () => {
        const training = await trainingOf(runId);
        if (epoch !== null && epoch > training.epochs) throw pictureMissing(`epoch ${epoch}`);
        const pixels = await drawnPixels(training, row, epoch, (each) => rowOf(training, each));
        const { heightPx, widthPx, channels } = training.image;
        return pngOf({ pixels, heightPx, widthPx, channels });
      });
    },
  };
}

const pictureMissing = (seen: string) =>
  inputError('PICTURE_NOT_FOUND', 'training pictures', seen, 'a row and an epoch of the training', 'reload the page');

type RowOf = (row: number) => Promise<Row>;

/** What is on is named as in the configuration. */
function namesOf(augment: Training['augment']): string[] {
  if (!isAugmenting(augment)) return [];
  const off = (value: unknown): boolean => value === null || value === undefined || value === 0;
  return Object.entries(augment).flatMap(([name, value]) => (off(value) || name === 'cachedVariants' ? [] : [name]));
}

const addressOf = ({ seed }: Training, row: number, epoch: number) => ({ seed, epoch: epoch - 1, index: row });

async function pictureOf(
  training: Training,
  row: number,
  epochs: readonly number[],
  rowOf: RowOf,
): Promise<TrainingPicture> {
  const { path, label, objects } = await rowOf(row);
  const { augment, image, classes } = training;
  const draws: TrainingPicture['draws'] = [];
  for (const epoch of epochs) {
    const address = addressOf(training, row, epoch);
    const moved = objects && isAugmenting(augment) ? augmentObjects(objects, augment, address, image).objects : objects;
    const mixed = await mixedOf(training, row, epoch, rowOf);
    draws.push({ epoch, boxes: boxesOf(moved, classes), mixed });
  }
  return { row, path, label, boxes: boxesOf(objects, classes), draws };
}

async function mixedOf(training: Training, row: number, epoch: number, rowOf: RowOf) {
  const { targetShare } = drawMix(training.augment, addressOf(training, row, epoch), training.image);
  const { mixup, cutmix } = augmentParts(training.augment);
  if (!(mixup || cutmix) || targetShare === 1) return null;
  const { path, label } = await rowOf(partnerOf(training, epoch - 1, row));
  return { path, label, ownShare: targetShare };
}

function boxesOf(objects: Objects | null, classes: readonly string[]): FramedBox[] {
  if (!objects) return [];
  return Array.from({ length: boxCount(objects.boxes) }, (_, index) => {
    const [top, left, bottom, right] = sidesAt(objects.boxes, index);
    const label = classes[objects.labels[index] ?? -1] ?? '';
    return { label, x: left, y: top, width: right - left, height: bottom - top };
  });
}

async function drawnPixels(training: Training, row: number, epoch: number | null, rowOf: RowOf): Promise<Uint8Array> {
  const { augment, image } = training;
  const own = await rowOf(row);
  if (epoch === null || !isAugmenting(augment)) return own.pixels;
  const valuesOf = ({ pixels, objects }: Row, index: number): Promise<Float32Array> => {
    const address = addressOf(training, index, epoch);
    const transform = objects ? augmentObjects(objects, augment, address, image).transform : undefined;
    return breathing(augmentedInSteps(pixels, image, augment, address, transform));
  };
  const values = await valuesOf(own, row);
  if ((await mixedOf(training, row, epoch, rowOf)) === null) return bytesOf(values);
  const partner = partnerOf(training, epoch - 1, row);
  const other = await valuesOf(await rowOf(partner), partner);
  return bytesOf(mixedValues(values, other, image, augment, addressOf(training, row, epoch)));
}

/** Does the steps, and lets others be answered whenever so many milliseconds have gone. */
async function breathing<T>(steps: Generator<undefined, T>): Promise<T> {
  let since = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < BREATH_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}
