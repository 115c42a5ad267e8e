import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DetectorConfig } from '../../contracts/detector-config.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { unwrap } from '../../core/result.ts';
import { picture } from '../../test/fakes/image-fixtures.ts';
import { smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { ask, predictWithCli, promoteTo, registerMadeUp, startServe, until } from '../../test/lib/serve-bench.ts';
import type { Answer, ServeProcess } from '../../test/lib/serve-bench.ts';
import { startS3, temporaryDir } from '../../test/servers.ts';
import type { S3Server } from '../../test/servers.ts';
import { ensureBucket } from '../s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../s3/s3-object-store.ts';
import type { S3ObjectStore } from '../s3/s3-object-store.ts';

const dir = temporaryDir('serve-detector');
// Pictures are padded: a box must come back from the frame into the picture.
const image = { heightPx: 64, widthPx: 64, channels: 3, resize: 'pad' } as const;
const ssd = DetectorConfig.parse({ kind: 'ssd', predictorKernelPx: 3, extraChannels: [16] });
const path = join(dir, 'wide.jpg');
let s3: S3Server;
let store: S3ObjectStore;
let server: ServeProcess;
let versions: ModelVersion[] = [];
let jpeg: Buffer;

beforeAll(async () => {
  s3 = await startS3();
  store = createS3ObjectStore(s3.options('models'));
  unwrap(await ensureBucket(store));
  const made = { backbone: 'tiny-cnn', image } as const;
  versions = [
    await registerMadeUp(store, join(dir, 'made'), 1, { ...made, detector: ssd }),
    await registerMadeUp(store, join(dir, 'made'), 2, { ...made, detector: smallFasterRcnn }),
    await registerMadeUp(store, join(dir, 'made'), 3, made),
  ];
  await promoteTo(store, versions[0]!);
  jpeg = await picture(150, 91, 1).jpeg().toBuffer();
  writeFileSync(path, jpeg);
  server = await startServe(s3.options('models'), join(dir, 'state'), []);
});
afterAll(async () => {
  server.kill('SIGKILL');
  store.close();
  await s3.stop();
});

const get = async (where: string): Promise<string> => (await fetch(`${server.url}${where}`)).text();
const askFor = (query: string): Promise<Answer> => ask(server.url, jpeg, 'image/jpeg', query);
const servedIs = (version: number) =>
  until(async () => ((await askFor('')).version === version ? true : undefined), 60_000);

/** The same objects: scores and pixels differ by rounding alone, whatever batch they went in. */
function expectAlike(got: Answer['predictions'], wanted: Answer['predictions']): void {
  expect(got.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label));
  for (const [index, { score, box = [] }] of got.entries()) {
    expect(score).toBeCloseTo(wanted[index]!.score, 5);
    expect(box).toHaveLength(4);
    box.forEach((side, at) => expect(Math.abs(side - wanted[index]!.box![at]!)).toBeLessThan(0.05));
  }
}

describe('graft serve with a detector', () => {
  it.each([
    [1, 'ssd'],
    [2, 'faster-rcnn'],
  ] as const)('answers as graft predict does, alone and beside others: version %i, %s', async (version, kind) => {
    await promoteTo(store, versions[version - 1]!);
    await servedIs(version);
    expect(JSON.parse(await get('/v1/model'))).toMatchObject({ version, detector: { kind } });
    const args = [path, '--min-score', '0.1', '--top', '7'];
    const wanted = await predictWithCli(s3.options('models'), join(dir, 'state'), args);
    expect(wanted).toHaveLength(7);
    for (const { box = [] } of wanted) {
      const [left = 0, top = 0, width = 0, height = 0] = box;
      expect(Math.max(left + width - 150, top + height - 91)).toBeLessThanOrEqual(0.01);
    }
    const many = await Promise.all(Array.from({ length: 20 }, () => askFor('?minScore=0.1&top=7')));
    for (const { predictions } of many) expectAlike(predictions, wanted);
  });

  it('shows what is surer than a half where nobody says, and as many as graft predict', async () => {
    await promoteTo(store, versions[0]!);
    await servedIs(1);
    const { predictions } = await askFor('');
    expectAlike(predictions, await predictWithCli(s3.options('models'), join(dir, 'state'), [path]));
    expect(Math.min(...predictions.map(({ score }) => score))).toBeGreaterThanOrEqual(0.5);
    const all = (await askFor('?minScore=0')).predictions;
    expect(all.length).toBeGreaterThan(predictions.length);
    expect(predictions).toEqual(all.filter(({ score }) => score >= 0.5));
    expect((await askFor('?minScore=1')).predictions).toEqual([]);
    expect(await askFor('?minScore=2')).toMatchObject({ status: 400, code: 'SERVE_QUERY' });
    expect(await ask(server.url, jpeg.subarray(0, 500))).toMatchObject({ status: 422, code: 'IMAGE_TRUNCATED' });
  });

  it('batches an SSD and leaves Faster R-CNN one picture at a time', async () => {
    const batched = async (): Promise<number> =>
      Number(/graft_serve_batch_rows_bucket\{le="1"\} (\d+)/.exec(await get('/metrics'))?.[1]);
    const all = async (): Promise<number> =>
      Number(/graft_serve_batch_rows_count (\d+)/.exec(await get('/metrics'))?.[1]);
    const more = async (): Promise<number> => (await all()) - (await batched());
    const before = await more();
    await Promise.all(Array.from({ length: 40 }, () => askFor('')));
    const after = await more();
    expect(after).toBeGreaterThan(before);
    await promoteTo(store, versions[1]!);
    await servedIs(2);
    await Promise.all(Array.from({ length: 20 }, () => askFor('')));
    expect(await more()).toBe(after);
  });

  it('fails no request while the alias moves to a classifier and back, and ends well', async () => {
    const seen: Answer[] = [];
    let asking = true;
    const clients = Array.from({ length: 3 }, async () => {
      while (asking) seen.push(await askFor(''));
    });
    await promoteTo(store, versions[2]!);
    await servedIs(3);
    await promoteTo(store, versions[0]!);
    await servedIs(1);
    asking = false;
    await Promise.all(clients);
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    const boxes = (version: number) =>
      seen.filter((each) => each.version === version).flatMap(({ predictions }) => predictions.map(({ box }) => box));
    expect(new Set(boxes(3))).toEqual(new Set([undefined]));
    expect(boxes(1)).not.toContain(undefined);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
  });
});
