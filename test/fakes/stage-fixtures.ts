import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import type {
  BlobRef,
  ClassificationMetrics,
  EpochMetrics,
  GateOutput,
  ModelDescription,
  PreparedImage,
  PrepareOutput,
  Side,
  StageName,
  TrainOutput,
} from '../../contracts/manifests.ts';
import type { LocalSide } from '../../contracts/ml-protocol.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import { stream } from '../../core/rng.ts';
import { stageKey, stageManifestKey } from '../../activities/lib/stage.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** What the stages of a run leave behind, made up: enough for the stage under test to stand on. */
export const hashOf = (text: string | Uint8Array): Sha256 => asSha256(createHash('sha256').update(text).digest('hex'));

export const tinyImage: PreparedImage = { heightPx: 16, widthPx: 16, channels: 3, resize: 'stretch' };

export function tinyModel(overrides: Partial<ModelDescription> = {}): ModelDescription {
  return {
    backbone: 'tiny-cnn',
    strategy: 'scratch',
    classes: ['cat', 'dog'],
    image: tinyImage,
    normalization: 'minus1-to-1',
    dropout: 0,
    ...overrides,
  };
}

export const epochMetrics = (epoch: number, overrides: Partial<EpochMetrics> = {}): EpochMetrics => ({
  epoch,
  step: epoch * 10,
  learningRate: 0.001,
  trainLoss: 0.5,
  trainAccuracy: 0.8,
  validationLoss: 0.6,
  validationAccuracy: 0.75,
  ...overrides,
});

/**
 * Made-up pictures [rows, height, width, channels] and labels that can be learnt: class c is bright in column block c,
 * over noise addressed by (`salt`, row).
 */
export function madeUpShard(rows: number, classes: number, image: PreparedImage, salt: string): Uint8Array {
  const { heightPx, widthPx, channels } = image;
  const random = stream(1, `shard/${salt}`);
  const pixels = new Uint8Array(rows * heightPx * widthPx * channels);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % classes);
  for (let i = 0; i < pixels.length; i++) {
    const column = Math.floor(i / channels) % widthPx;
    const row = Math.floor(i / (heightPx * widthPx * channels));
    const bright = Math.floor((column * classes) / widthPx) === labels[row] ? 96 : 0;
    pixels[i] = bright + Math.floor(random.uniform(row, i) * 128);
  }
  return encodeSafetensors(
    new Map([
      ['images', { dtype: 'U8' as const, shape: [rows, heightPx, widthPx, channels], data: pixels }],
      ['labels', int32Tensor(labels, [rows])],
    ]),
  );
}

/** A side on the local disk, in shards of the given rows. */
export async function localSideOf(
  dir: string,
  name: string,
  rowsOfShards: readonly number[],
  options: { classes?: number; image?: PreparedImage } = {},
): Promise<LocalSide> {
  const { classes = 2, image = tinyImage } = options;
  await mkdir(dir, { recursive: true });
  const shards: LocalSide['shards'] = [];
  for (const [index, rows] of rowsOfShards.entries()) {
    const path = join(dir, `${name}-${index}.safetensors`);
    await writeFile(path, madeUpShard(rows, classes, image, `${name}/${index}`));
    shards.push({ path, rows });
  }
  return { rows: rowsOfShards.reduce((sum, rows) => sum + rows, 0), shards };
}

export async function putBlob(store: ObjectStore, key: string, bytes: Uint8Array): Promise<BlobRef> {
  await store.put(key, bytes);
  return { key, sha256: hashOf(bytes), sizeBytes: bytes.length };
}

/** A stage's manifest under the address of `addressedBy`. Returns its key. */
export async function putStage(
  store: ObjectStore,
  stage: StageName,
  addressedBy: Readonly<Record<string, Json>>,
  output: unknown,
  parts: readonly BlobRef[] = [],
): Promise<string> {
  const key = stageKey(stage, 1, addressedBy);
  const manifestKey = stageManifestKey(stage, key);
  const createdAt = '2026-01-01T00:00:00.000Z';
  const manifest = { kind: 'graft.stage/1', stage, key, codeVersion: 1, createdAt, addressedBy, parts, output };
  await store.put(manifestKey, new TextEncoder().encode(JSON.stringify(manifest)));
  return manifestKey;
}

/** A prepared set with one shard a side. */
export async function putPrepared(
  store: ObjectStore,
  options: { classes?: string[]; image?: PreparedImage; rows?: Readonly<Record<Side, number>>; salt?: string } = {},
): Promise<{ manifestKey: string; output: PrepareOutput }> {
  const {
    classes = ['cat', 'dog'],
    image = tinyImage,
    rows = { train: 12, validation: 4, test: 4 },
    salt = '',
  } = options;
  const sides: PrepareOutput['sides'] = {};
  for (const side of ['train', 'validation', 'test'] as const) {
    const bytes = madeUpShard(rows[side], classes.length, image, `${salt}${side}`);
    const blob = await putBlob(store, `stages/prepare/made-up/${hashOf(bytes)}.safetensors`, bytes);
    const items = await putBlob(store, `stages/prepare/made-up/${hashOf(bytes)}.jsonl`, new Uint8Array());
    sides[side] = { rows: rows[side], shards: [{ ...blob, rows: rows[side], items }] };
  }
  const output: PrepareOutput = { image, classes, sides };
  return { manifestKey: await putStage(store, 'prepare', { salt, classes, image }, output), output };
}

export async function putTrained(
  store: ObjectStore,
  options: { model?: ModelDescription; weights?: string; best?: EpochMetrics } = {},
): Promise<{ manifestKey: string; output: TrainOutput }> {
  const { model = tinyModel(), weights: text = 'weights', best = epochMetrics(1) } = options;
  const weights = await putBlob(store, `stages/train/made-up/${hashOf(text)}`, new TextEncoder().encode(text));
  const output: TrainOutput = {
    weights,
    model,
    environment: {
      backend: 'tensorflow',
      tensorflow: '2.21.0',
      device: 'cpu',
      threads: 2,
      oneDnn: true,
      kernels: null,
      parts: 1,
      engine: 'compiled',
      arch: 'x64',
    },
    steps: 10,
    epochs: 1,
    bestEpoch: 1,
    stoppedEarly: false,
    best,
    last: best,
    trainableParameters: 20_224,
    totalParameters: 20_224,
  };
  const addressedBy = { weights: text, classes: model.classes };
  return { manifestKey: await putStage(store, 'train', addressedBy, output, [weights]), output };
}

export function metricsOf(accuracy: number): ClassificationMetrics {
  return {
    images: 100,
    loss: 1 - accuracy,
    accuracy,
    top5: 1,
    macroPrecision: accuracy,
    macroRecall: accuracy,
    macroF1: accuracy,
    perClass: [],
    confusion: [],
  };
}

export async function putEvaluated(
  store: ObjectStore,
  accuracy: number,
  salt = '',
  bytes: Uint8Array = Uint8Array.of(1),
): Promise<string> {
  const logits = await putBlob(store, `stages/evaluate/made-up/${salt}${accuracy}`, bytes);
  return putStage(store, 'evaluate', { accuracy, salt }, { metrics: metricsOf(accuracy), logits, findings: [] }, [
    logits,
  ]);
}

/** A decision, taken against the version that was champion. */
export async function putGate(
  store: ObjectStore,
  decision: GateOutput['decision'],
  salt = '',
  against?: number,
): Promise<string> {
  const champion = against === undefined ? null : { version: against, weightsSha256: null, metrics: null };
  return putStage(store, 'gate', { decision, salt, against: against ?? null }, { decision, rules: [], champion });
}

export async function putDataset(store: ObjectStore, name = 'pets'): Promise<string> {
  const version = hashOf(name);
  const key = `datasets/${name}/${version}/manifest.json`;
  const manifest = {
    kind: 'graft.dataset/1',
    name,
    version,
    format: 'folder',
    classes: ['cat', 'dog'],
    images: 20,
    sizeBytes: 2000,
    perClass: { cat: 10, dog: 10 },
    partitions: [],
  };
  await store.put(key, new TextEncoder().encode(JSON.stringify(manifest)));
  return key;
}

/** Logits [rows × classes] of which the first `hits` rows score their label highest. */
export function logitsFile(labels: readonly number[], classes: number, hits: number): Uint8Array {
  const logits = Float32Array.from({ length: labels.length * classes }, (_, at) => {
    const row = Math.floor(at / classes);
    const label = labels[row] ?? 0;
    const told = row < hits ? label : (label + 1) % classes;
    return at % classes === told ? 5 : 0;
  });
  return encodeSafetensors(
    new Map([
      ['logits', float32Tensor(logits, [labels.length, classes])],
      ['labels', int32Tensor(Int32Array.from(labels), [labels.length])],
    ]),
  );
}
