import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrepareOutput, QuarantinedItem } from '../contracts/manifests.ts';
import type { Side } from '../contracts/manifests.ts';
import { DatasetConfig, ImageConfig } from '../contracts/pipeline-config.ts';
import { decodeSafetensors } from '../core/checkpoint/safetensors.ts';
import { asRunId } from '../core/ids.ts';
import { unwrap } from '../core/result.ts';
import { createImageDecoder } from '../infra/images/image-decoder.ts';
import { createLocalFiles } from '../infra/local-files.ts';
import { ensureBucket } from '../infra/s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../infra/s3/s3-object-store.ts';
import type { S3ObjectStore } from '../infra/s3/s3-object-store.ts';
import { openDatasetSource } from '../infra/sources/open-source.ts';
import { eventEncoder } from '../infra/tensorboard/encode.ts';
import { systemClock } from '../infra/system-clock.ts';
import { picture } from '../test/fakes/image-fixtures.ts';
import { startS3, temporaryDir } from '../test/servers.ts';
import type { S3Server } from '../test/servers.ts';
import { createIngestActivities } from './ingest/ingest.ts';
import { readLines } from './lib/json-lines.ts';
import { requireStage } from './lib/stage.ts';
import type { DataPorts } from './ports.ts';
import { createPrepareActivities } from './prepare/prepare.ts';
import { createSplitActivities } from './split/split.ts';
import { createValidateActivities } from './validate/validate.ts';

/** The data stages on a real S3 server, with real pictures through the real decoder. */
describe('data stages', () => {
  let server: S3Server;
  let store: S3ObjectStore;
  let ports: DataPorts;
  let root: string;
  const folder = () => join(root, 'photos');
  const photo = async (path: string, seed: number) => {
    await mkdir(join(folder(), path, '..'), { recursive: true });
    await writeFile(
      join(folder(), path),
      await picture(40 + (seed % 7), 30, seed)
        .jpeg()
        .toBuffer(),
    );
  };

  beforeAll(async () => {
    root = temporaryDir('data-stages');
    server = await startS3();
    store = createS3ObjectStore(server.options('data'));
    unwrap(await ensureBucket(store));
    ports = {
      store,
      clock: systemClock,
      events: eventEncoder,
      images: createImageDecoder({ env: { PATH: process.env['PATH'] ?? '' } }),
      openSource: openDatasetSource({
        store,
        unpackDir: 'unused',
        proxies: { http: null, https: null, no: null },
        urlAllow: [],
      }),
      files: createLocalFiles({ store, dir: join(root, 'files') }),
    };
    for (let i = 0; i < 30; i++) {
      await photo(`red/${i}.jpg`, i);
      await photo(`blue/deep/${i}.jpg`, 100 + i);
    }
  });
  afterAll(async () => {
    await ports.images.close();
    store.close();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  });

  async function run(source: string, datasetName = 'photos') {
    const dataset = DatasetConfig.parse({ source, maxQuarantined: 0.1 });
    const image = { heightPx: 24, widthPx: 32, channels: 3, resize: 'pad' } as const;
    const sides: Side[] = ['train', 'validation', 'test'];
    const input = { dataset, datasetName, runId: asRunId('photos-1') };
    const ingested = await createIngestActivities(ports).ingestDataset(input);
    const { manifestKey: datasetManifestKey, quarantined } = ingested.output;
    const validated = await createValidateActivities(ports).validateDataset({
      ...{ datasetManifestKey, quarantined, dataset },
      ...{ image: ImageConfig.parse({}), backbone: 'tiny-cnn' },
    });
    const split = await createSplitActivities(ports).splitDataset({
      ...{ datasetManifestKey, datasetName },
      split: dataset.split,
    });
    const prepared = await createPrepareActivities(ports).prepareImages({
      ...{ datasetManifestKey, image, sides },
      splitManifestKey: split.manifestKey,
    });
    return { ingested, validated, split, prepared };
  }

  const linesOf = async (part: Parameters<typeof readLines>[1]) => {
    const lines: QuarantinedItem[] = [];
    for await (const line of readLines(store, part, QuarantinedItem, new AbortController().signal)) lines.push(line);
    return lines;
  };

  it('reads, looks at, splits and renders a folder, and finds all of it the second time', async () => {
    const first = await run(folder());
    expect(Object.values(first).map(({ cached }) => cached)).toEqual([false, false, false, false]);
    expect(first.ingested.output).toMatchObject({ images: 60, classes: ['blue', 'red'], quarantined: 0 });
    expect(first.split.output.counts).toEqual({ train: 42, validation: 6, test: 12 });
    expect(first.prepared.output.rows).toEqual(first.split.output.counts);
    const { sides } = await requireStage(store, first.prepared.manifestKey, PrepareOutput);
    const [shard] = sides.train?.shards ?? [];
    const bytes = await readFile(await ports.files.fetch(shard!));
    const { tensors } = unwrap(decodeSafetensors(bytes));
    expect(tensors.get('images')?.shape).toEqual([42, 24, 32, 3]);
    expect(tensors.get('labels')?.shape).toEqual([42]);
    const second = await run(folder());
    expect(Object.values(second).map(({ cached }) => cached)).toEqual([true, true, true, true]);
    expect(second.prepared.key).toBe(first.prepared.key);
  });

  it('gives the same version for the same pictures below an S3 prefix', async () => {
    for (const path of ['red', 'blue/deep']) {
      for (let i = 0; i < 30; i++) {
        await store.put(`upload/${path}/${i}.jpg`, await readFile(join(folder(), path, `${i}.jpg`)));
      }
    }
    const [local, remote] = [await run(folder()), await run('s3://data/upload')];
    expect(remote.ingested.output).toEqual(local.ingested.output);
    expect(remote.ingested.key).not.toBe(local.ingested.key);
    expect(remote.prepared).toMatchObject({ cached: true, key: local.prepared.key });
  });

  it('quarantines what is no picture and keeps the sides of the rest', async () => {
    const before = await run(folder());
    const whole = await picture(300, 200).jpeg({ progressive: true }).toBuffer();
    const bad = {
      'red/empty.jpg': Buffer.alloc(0),
      'red/text.jpg': Buffer.from('these are words'),
      'blue/cut.jpg': whole.subarray(0, whole.length / 2),
      'blue/drawing.svg': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    };
    for (const [path, bytes] of Object.entries(bad)) await writeFile(join(folder(), path), bytes);
    for (let i = 0; i < 8; i++) await photo(`red/new ${i}.jpg`, 1000 + i);
    const after = await run(folder());
    expect(after.ingested.summary).toBe('68 images in 2 classes, 4 quarantined');
    expect((await linesOf(after.ingested.output.quarantine!)).map(({ path, code }) => [path, code])).toEqual([
      ['blue/cut.jpg', 'IMAGE_TRUNCATED'],
      ['blue/drawing.svg', 'IMAGE_FORMAT_BLOCKED'],
      ['red/empty.jpg', 'IMAGE_EMPTY'],
      ['red/text.jpg', 'IMAGE_TYPE_MISMATCH'],
    ]);
    expect(after.validated.output.findings.map(({ code }) => code)).toContain('QUARANTINED');
    expect(after.split.output.parent).toBe(before.split.key);
    const sides = async (part: Parameters<typeof store.get>[0]) => {
      const { body } = (await store.get(part))!;
      return new Set(Buffer.from(body).toString().trim().split('\n'));
    };
    const now = await sides(after.split.output.assignments.key);
    for (const line of await sides(before.split.output.assignments.key)) expect(now.has(line)).toBe(true);
  });
});
