import { z } from 'zod';
import { AugmentConfig } from '../../../contracts/augment-config.ts';
import { PrepareOutput, TrainOutput } from '../../../contracts/manifests.ts';
import type { PreparedImage, PreparedShard } from '../../../contracts/manifests.ts';
import { ModelVersion } from '../../../contracts/registry.ts';
import type { Trainings } from '../../../contracts/web.ts';
import { decodeSafetensors } from '../../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../../core/checkpoint/tensor-data.ts';
import { learnable, rowObjects } from '../../../core/detection/row-objects.ts';
import type { Objects } from '../../../core/detection/targets.ts';
import { failedError, inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { unwrap } from '../../../core/result.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { readLinesOf, readStageManifest, readStageOutput } from '../../../infra/clients/read-stage.ts';
import { listModels, readModel } from '../../../infra/clients/registry.ts';
import { readRunReport } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

/** What a training read, and what its augmentation was addressed by. */
export interface Training {
  readonly runId: RunId;
  readonly augment: AugmentConfig;
  readonly seed: number;
  readonly batchSize: number;
  /** Epochs that are drawn apart. */
  readonly epochs: number;
  readonly image: PreparedImage;
  readonly classes: readonly string[];
  readonly shards: readonly PreparedShard[];
  readonly rows: number;
}

/** Of the training stage's address: what it was really trained with, whoever's run it was. */
const Addressed = z.object({
  augment: z.unknown(),
  train: z.object({ seed: z.int(), epochs: z.int().positive(), batchSize: z.int().positive() }),
  features: z.object({ variants: z.int().nullable() }).nullish(),
});

/** TRAINING_NOT_FOUND (404) where the run has registered nothing, or its prepared pictures are gone. */
export async function readTraining(store: ObjectStore, runId: RunId): Promise<Training> {
  const model = (await readRunReport(store, runId))?.model;
  const key = `models/${model?.name ?? ''}/versions/${model?.version ?? 0}/manifest.json`;
  const version = model?.version == null ? null : await readJson(store, key, ModelVersion);
  if (!version) throw missing(runId, 'it has registered no model');
  const { trainKey, prepareKey } = version.lineage;
  const [manifest, prepared] = await Promise.all([
    readStageManifest(store, 'train', trainKey),
    readStageOutput(store, 'prepare', prepareKey, PrepareOutput),
  ]);
  const addressed = Addressed.safeParse(manifest?.addressedBy);
  const augment = AugmentConfig.safeParse(addressed.data?.augment);
  const side = prepared?.sides.train;
  if (!addressed.success || !augment.success || !side) throw missing(runId, 'its training or its pictures are gone');
  const { train, features = null } = addressed.data;
  const ended = TrainOutput.safeParse(manifest?.output).data?.epochs ?? train.epochs;
  return {
    ...{ runId, augment: augment.data, seed: train.seed, batchSize: train.batchSize },
    // A frozen trunk was shown so many draws of each picture, addressed as the first epochs.
    epochs: features === null ? ended : (features.variants ?? 1),
    ...{ image: prepared.image, classes: prepared.classes, shards: side.shards, rows: side.rows },
  };
}

const missing = (runId: RunId, seen: string): GraftError =>
  inputError('TRAINING_NOT_FOUND', `run ${runId}`, seen, 'a run whose data are still there', 'choose another run');

/** The rows of a shard, with what is learnt of them. */
export interface ShardRows {
  /** Rows × height × width × channels. */
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
  /** Null where it was prepared for a classifier. */
  readonly objects: readonly Objects[] | null;
  readonly paths: readonly string[];
}

const Item = z.object({ path: z.string() });
/** A shard has 64 MiB of pixels, but one row at least (core/dataset/shards.ts). */
const MAX_BYTES = 256 * 2 ** 20;

export async function readShard(store: ObjectStore, { key, sha256, items }: PreparedShard): Promise<ShardRows> {
  const found = await store.get(key, { sha256, maxBytes: MAX_BYTES });
  if (!found) throw inputError('TRAINING_NOT_FOUND', key, 'it is gone', 'a prepared shard', 'run it again');
  const { tensors } = unwrap(decodeSafetensors(found.body, key));
  const [images, labels, counts] = [tensors.get('images'), tensors.get('labels'), tensors.get('boxCounts')];
  if (!images || !labels) throw failedError('SHARD_FORMAT', key, 'no images or labels', 'both');
  const [boxes, boxLabels, flags] = [tensors.get('boxes'), tensors.get('boxLabels'), tensors.get('boxFlags')];
  const framed =
    counts && boxes && boxLabels && flags
      ? { counts: asInt32(counts), boxes: asFloat32(boxes), labels: asInt32(boxLabels), flags: asInt32(flags) }
      : null;
  return {
    pixels: images.data,
    labels: asInt32(labels),
    objects: framed && rowObjects(framed).map(learnable),
    paths: (await readLinesOf(store, items, Item)).map(({ path }) => path),
  };
}

const MAX_TRAININGS = 50;

/** Versions whose run read this data set, the newest first. */
export async function trainingsOn(store: ObjectStore, manifestKey: string): Promise<Trainings> {
  const found: Trainings['trainings'] = [];
  for (const name of await listModels(store)) {
    const { versions } = await readModel(store, name);
    for (const { version, createdAt, runId, lineage } of versions) {
      if (lineage.dataset.manifestKey === manifestKey) found.push({ runId, model: name, version, createdAt });
    }
  }
  found.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  return { trainings: found.slice(0, MAX_TRAININGS) };
}
