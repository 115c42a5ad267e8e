import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PrepareOutput, StageManifest } from '../../contracts/manifests.ts';
import type { ModelDescription, PreparedImage, Side } from '../../contracts/manifests.ts';
import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { asSha256 } from '../../core/ids.ts';
import { childEnvironment, settings } from '../../infra/config.ts';
import type { S3Connection } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import { fetchWeights } from '../../infra/native/weights-fetch.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { behindPrefix, startJob } from './graft-child.ts';

/** The same work as a pipeline's stages, without the pipeline: no server, no workflow, everything on the local disk. */
export interface BareSeconds {
  /** Every picture read, hashed, decoded once and rendered once. */
  readonly data: number;
  readonly train: number;
  readonly evaluate: number;
}

export interface BareInput {
  readonly dir: string;
  readonly imagesDir: string;
  readonly config: PipelineConfig;
  readonly s3: S3Connection;
}

export async function bareParts(input: BareInput): Promise<BareSeconds> {
  const { dir, imagesDir, config, s3 } = input;
  const { prepared, sides } = await localPrepared(join(dir, 'bare'), s3);
  const data = await timed(() => bareData(imagesDir, prepared.image));
  const { backbone, strategy, lastN, dropout, weights } = config.model;
  const model: ModelDescription = {
    backbone,
    strategy,
    classes: prepared.classes,
    image: prepared.image,
    normalization: backboneFacts[backbone].normalization,
    dropout,
  };
  const file = strategy === 'scratch' ? null : await fetchWeights(backbone, weights, settings());
  let weightsPath = '';
  const train = await timed(async () => {
    const job: TrainJob = {
      kind: 'train',
      workDir: join(dir, 'bare', 'run'),
      reads: { kind: 'pixels' },
      model,
      lastN,
      weightsPath: file?.path ?? null,
      train: sides.train,
      validation: sides.validation,
      config: config.train,
      augment: config.augment,
      dataOrderSha256: asSha256('0'.repeat(64)),
      resume: null,
    };
    const child = startJob((await behindPrefix(job, join(dir, 'bare', 'features'))).job);
    for await (const { event } of child.events) if (event.kind === 'trained') weightsPath = event.result.weightsPath;
  });
  const evaluate = await timed(async () => {
    const outputPath = join(dir, 'bare', 'logits.safetensors');
    const child = startJob({ kind: 'evaluate', model, weightsPath, side: sides.test, batchSize: 32, outputPath });
    for await (const { event } of child.events) void event;
  });
  return { data, train, evaluate };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

/** What the `prepare` stage left in the store, on the local disk. */
async function localPrepared(
  dir: string,
  s3: S3Connection,
): Promise<{ prepared: PrepareOutput; sides: Record<Side, LocalSide> }> {
  const store = createS3ObjectStore(s3);
  try {
    await mkdir(dir, { recursive: true });
    const prepared = await onlyManifest(store);
    const local = async (name: Side): Promise<LocalSide> => {
      const shards: LocalSide['shards'] = [];
      for (const { key, sha256, rows } of prepared.sides[name]?.shards ?? []) {
        const path = join(dir, `${sha256}.safetensors`);
        await store.getFile(key, path, { sha256 });
        shards.push({ path, rows });
      }
      return { rows: prepared.sides[name]?.rows ?? 0, shards };
    };
    const sides = { train: await local('train'), validation: await local('validation'), test: await local('test') };
    return { prepared, sides };
  } finally {
    store.close();
  }
}

async function onlyManifest(store: ReturnType<typeof createS3ObjectStore>): Promise<PrepareOutput> {
  for await (const { key } of store.list('stages/prepare/')) {
    const found = key.endsWith('/manifest.json') ? await store.get(key) : null;
    if (!found) continue;
    const manifest: unknown = JSON.parse(new TextDecoder().decode(found.body));
    return PrepareOutput.parse(StageManifest.parse(manifest).output);
  }
  throw new Error('the store has no prepared data');
}

async function bareData(imagesDir: string, image: PreparedImage): Promise<void> {
  const files = await readdir(imagesDir, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  const decoder = createImageDecoder({ env: childEnvironment({}, { secrets: false }) });
  try {
    for (const path of paths)
      createHash('sha256')
        .update(await readFile(path))
        .digest();
    const pixels = new Uint8Array(paths.length * image.heightPx * image.widthPx * image.channels);
    for (const result of [...(await decoder.inspect(paths)), ...(await decoder.render(paths, image, pixels))]) {
      if (!result.ok) throw result.error;
    }
  } finally {
    await decoder.close();
  }
}
