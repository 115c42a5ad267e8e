import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { MlEvent, MlJob, PredictJob } from '../../contracts/ml-protocol.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { GraftError, transientError } from '../../core/errors.ts';
import { inferenceBatch } from '../../core/inference-batch.ts';
import { childEnvironment, settings } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import type { ImageDecoder } from '../../infra/ports/image-decoder.ts';
import type { MlRunner } from '../../infra/ports/ml-runner.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** What it takes to run a model here, without a worker: a decoder and TensorFlow, each in a child process. */
export interface Scoring {
  readonly decoder: ImageDecoder;
  readonly ml: MlRunner;
  /** A folder for this command alone. */
  readonly dir: string;
  /** The model's weights on this disk, verified. */
  weights(model: ModelVersion): Promise<string>;
  /** Any stored file on this disk, verified. */
  fetch(blob: BlobRef): Promise<string>;
}

/** A picture as it was named, and the file that holds it. */
export interface Picture {
  readonly name: string;
  readonly path: string;
  /** Index of its class; null where none is known. */
  readonly label: number | null;
}

/** Rendered pictures in one file: safetensors `images`, and `labels` where they are known. */
export interface Shard {
  readonly path: string;
  readonly pictures: readonly Picture[];
}

export interface BadPicture {
  readonly picture: Picture;
  readonly error: GraftError;
}

const RENDERED_AT_ONCE = 64;
const SHARD_BYTES = 128 * 2 ** 20;
const SHARD_ROWS = 1024;
const STOP_DEADLINE_MS = 5_000;
/** Events that end a job. */
const RESULTS: readonly MlEvent['kind'][] = [
  'evaluated',
  'predicted',
  'exported',
  'range-tested',
  'extracted',
  'probed',
  'measured',
];

/** A decoder and TensorFlow, with a folder of their own. */
export async function withPictures<T>(
  work: (scoring: Pick<Scoring, 'decoder' | 'ml' | 'dir'>) => Promise<T>,
): Promise<T> {
  const env = childEnvironment({}, { secrets: false });
  const dir = await mkdtemp(join(tmpdir(), 'graft-score-'));
  const decoder = createImageDecoder({ env });
  try {
    return await work({ decoder, ml: createMlRunner({ env, defaultThreads: settings().threads }), dir });
  } finally {
    await decoder.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The same with a registry's files at hand. */
export async function withScoring<T>(store: ObjectStore, work: (scoring: Scoring) => Promise<T>): Promise<T> {
  const files = createLocalFiles({ store, dir: join(settings().stateDir, 'files') });
  return withPictures((scoring) =>
    work({
      ...scoring,
      weights: ({ weights }) => files.fetch(weights),
      fetch: (blob) => files.fetch(blob),
    }),
  );
}

/** What a model is to say of rendered pictures. */
export const predictJob = (model: ModelVersion['model'], weightsPath: string, imagesPath: string): PredictJob => ({
  ...{ kind: 'predict', model, weightsPath, imagesPath },
  batchSize: inferenceBatch(model),
});

/** Renders pictures to the model's input, shard by shard as they fill; what is no picture goes to `onBad`. */
export async function* renderShards(
  { decoder, dir }: Pick<Scoring, 'decoder' | 'dir'>,
  { model: { image } }: { readonly model: Pick<ModelVersion['model'], 'image'> },
  pictures: readonly Picture[],
  onBad: (bad: BadPicture) => void,
): AsyncIterable<Shard> {
  const rowBytes = image.heightPx * image.widthPx * image.channels;
  const rowsPerShard = Math.max(1, Math.min(SHARD_ROWS, Math.floor(SHARD_BYTES / rowBytes)));
  let rows: { picture: Picture; pixels: Uint8Array }[] = [];
  let shards = 0;
  const flush = async (): Promise<Shard> => {
    const path = join(dir, `${String(shards++)}.safetensors`);
    await writeShard(path, rows, [image.heightPx, image.widthPx, image.channels]);
    const shard = { path, pictures: rows.map(({ picture }) => picture) };
    rows = [];
    return shard;
  };
  for (let at = 0; at < pictures.length; at += RENDERED_AT_ONCE) {
    const part = pictures.slice(at, at + RENDERED_AT_ONCE);
    const pixels = new Uint8Array(part.length * rowBytes);
    const paths = part.map(({ path }) => path);
    const rendered = await decoder.render(paths, image, pixels);
    for (const [index, picture] of part.entries()) {
      const result = rendered[index];
      if (result?.ok) rows.push({ picture, pixels: pixels.subarray(index * rowBytes, (index + 1) * rowBytes) });
      else if (result) onBad({ picture, error: result.error });
      if (rows.length === rowsPerShard) yield await flush();
    }
  }
  if (rows.length > 0) yield await flush();
}

async function writeShard(
  path: string,
  rows: readonly { picture: Picture; pixels: Uint8Array }[],
  shape: readonly [number, number, number],
): Promise<void> {
  const rowBytes = shape[0] * shape[1] * shape[2];
  const data = new Uint8Array(rows.length * rowBytes);
  for (const [index, { pixels }] of rows.entries()) data.set(pixels, index * rowBytes);
  const labels = Int32Array.from(rows, ({ picture }) => picture.label ?? -1);
  const tensors = new Map<string, TensorData>([
    ['images', { dtype: 'U8', shape: [rows.length, ...shape], data }],
    ['labels', int32Tensor(labels, [rows.length])],
  ]);
  await writeFile(path, encodeSafetensors(tensors));
}

/** Runs a job to its end; what it says on the way goes to `onEvent`. Throws what it failed with. */
export async function runJob(
  ml: MlRunner,
  job: MlJob,
  onEvent: (event: MlEvent) => void = () => undefined,
): Promise<MlEvent> {
  const session = ml.start(job, { threads: ml.defaultThreads });
  try {
    for await (const event of session.events) {
      if (event.kind === 'failed') throw failureOf(event);
      if (RESULTS.includes(event.kind)) return event;
      onEvent(event);
    }
    throw transientError(
      'ML_CRASHED',
      'ML process',
      'it ended without a result',
      'a result',
      'graft doctor checks TensorFlow',
    );
  } finally {
    await session.stop(STOP_DEADLINE_MS);
  }
}

function failureOf(event: Extract<MlEvent, { kind: 'failed' }>): GraftError {
  const { code, errorKind, where, seen, expected, remedy } = event;
  return new GraftError(code, {
    kind: errorKind,
    where,
    seen,
    ...(expected === undefined ? {} : { expected }),
    ...(remedy === undefined ? {} : { remedy }),
  });
}
