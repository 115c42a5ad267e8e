import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { AugmentConfig } from '../../../contracts/augment-config.ts';
import type { Json } from '../../../core/canonical-json.ts';
import { TrainingPictures, Trainings } from '../../../contracts/web.ts';
import { augmented, augmentedValues, bytesOf, mixedValues } from '../../../core/augment/show.ts';
import { drawMix } from '../../../core/augment/pixels.ts';
import { partnerOf } from '../../../core/augment/partner.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../core/checkpoint/safetensors.ts';
import { float32Tensor, int32Tensor } from '../../../core/checkpoint/tensor-data.ts';
import { augmentObjects } from '../../../core/detection/augment.ts';
import { unwrap } from '../../../core/result.ts';
import type { PrepareOutput } from '../../../contracts/manifests.ts';
import {
  hashOf,
  madeUpShard,
  metricsOf,
  putBlob,
  putDataset,
  putStage,
  tinyImage,
  tinyModel,
} from '../../../test/fakes/stage-fixtures.ts';
import { testDashboard } from '../testing/dashboard.ts';
import type { TestDashboard } from '../testing/dashboard.ts';

const SEED = 9;
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

let web: TestDashboard;
let cookie: string;
let datasetKey: string;
beforeAll(async () => {
  web = await testDashboard();
  cookie = await web.signIn();
});
afterAll(() => web.app.close());
beforeEach(async () => {
  datasetKey = await putDataset(web.store);
});

const keyOf = (manifestKey: string): string => manifestKey.split('/')[2] ?? '';

interface Made {
  readonly augment: Json;
  readonly features?: Json;
  /** Sides of the one box of each row; none for a classifier. */
  readonly boxes?: readonly number[];
}

/** A run on two shards of 5 and 3 rows, in batches of 4, whose version is registered. */
async function run(runId: string, { augment, features = null, boxes }: Made): Promise<Uint8Array[]> {
  const { store } = web;
  const shards: NonNullable<PrepareOutput['sides']['train']>['shards'] = [];
  const pixels: Uint8Array[] = [];
  for (const [number, rows] of [5, 3].entries()) {
    const plain = madeUpShard(rows, 2, tinyImage, `${runId}/${number}`);
    const { tensors } = unwrap(decodeSafetensors(plain));
    if (boxes) {
      tensors.set(
        'boxCounts',
        int32Tensor(
          Int32Array.from({ length: rows }, () => 2),
          [rows],
        ),
      );
      const all = Array.from({ length: rows }, () => [...boxes, 0, 0, 1, 1]).flat();
      tensors.set('boxes', float32Tensor(Float32Array.from(all), [2 * rows, 4]));
      tensors.set(
        'boxLabels',
        int32Tensor(
          Int32Array.from({ length: 2 * rows }, () => 1),
          [2 * rows],
        ),
      );
      // The second of each is a crowd, which nobody learns.
      tensors.set(
        'boxFlags',
        int32Tensor(
          Int32Array.from({ length: 2 * rows }, (_, at) => at % 2),
          [2 * rows],
        ),
      );
    }
    const shard = await putBlob(store, `stages/prepare/${runId}/${number}`, encodeSafetensors(tensors));
    const lines = Array.from({ length: rows }, (_, row) => `${JSON.stringify({ path: `p${number}-${row}.png` })}\n`);
    const items = await putBlob(
      store,
      `stages/prepare/${runId}/${number}.jsonl`,
      new TextEncoder().encode(lines.join('')),
    );
    shards.push({ ...shard, rows, items });
    const all = tensors.get('images')!.data;
    for (let row = 0; row < rows; row++) pixels.push(all.slice(row * 768, (row + 1) * 768));
  }
  const prepared: PrepareOutput = { image: tinyImage, classes: ['cat', 'dog'], sides: { train: { rows: 8, shards } } };
  const prepareKey = keyOf(await putStage(store, 'prepare', { runId }, prepared));
  const train = { seed: SEED, epochs: 6, batchSize: 4, optimizer: {} };
  const trainKey = keyOf(await putStage(store, 'train', { train, augment, features, runId }, {}));
  const version = {
    ...{ kind: 'graft.model-version/1', name: runId, version: 1, createdAt: '2026-01-01T00:00:00.000Z', runId },
    ...{ weights: { key: 'w', sha256: hashOf('w'), sizeBytes: 1 }, model: tinyModel(), metrics: metricsOf(0.9) },
    lineage: {
      dataset: { name: 'pets', version: hashOf('pets'), manifestKey: datasetKey },
      ...{ splitKey: 's', prepareKey, trainKey, evaluateKey: 'e', gateKey: 'g', graftVersion: '1' },
    },
  };
  await store.put(`models/${runId}/versions/1/manifest.json`, bytes(version));
  const report = {
    runId,
    status: 'completed',
    weightsSha256: null,
    metrics: null,
    gate: [],
    stages: [],
    dataset: null,
  };
  const model = { name: runId, version: 1, promoted: false, alias: 'champion' };
  await store.put(`runs/${runId}/report.json`, bytes({ ...report, findings: [], model }));
  return pixels;
}

const url = (runId: string): string => `/api/runs/${runId}/training-pictures`;
const sheet = async (runId: string, query = '') =>
  TrainingPictures.parse((await web.ask({ url: `${url(runId)}${query}`, cookie })).json());
async function pixelsOf(runId: string, row: number, epoch?: number): Promise<Uint8Array> {
  const query = epoch === undefined ? '' : `?epoch=${epoch}`;
  const { statusCode, rawPayload, headers } = await web.ask({ url: `${url(runId)}/${row}${query}`, cookie });
  expect([statusCode, headers['content-type']]).toEqual([200, 'image/png']);
  expect(headers['content-security-policy']).toContain('sandbox');
  return new Uint8Array(await sharp(rawPayload).raw().toBuffer());
}

const geometry = { flipHorizontal: 0.5, rotateDegrees: 20, crop: { area: [0.4, 0.9], aspect: [0.8, 1.2] }, hue: 0.2 };

describe('training pictures', () => {
  it('are those that the training drew: by its seed, the epoch and the row, of whichever shard', async () => {
    const pixels = await run('plain-1', { augment: geometry });
    const { items, total, on, epochs, seed } = await sheet('plain-1', '?epoch=2&draws=2&limit=8');
    expect({ total, epochs, seed }).toEqual({ total: 8, epochs: 6, seed: SEED });
    expect(on.sort()).toEqual(['crop', 'flipHorizontal', 'hue', 'rotateDegrees']);
    expect(items.map(({ path }) => path)[6]).toBe('p1-1.png');
    expect(items[1]).toMatchObject({ label: 'dog', boxes: [], draws: [{ epoch: 2, mixed: null }, { epoch: 3 }] });
    const augment = AugmentConfig.parse(geometry);
    for (const row of [0, 6]) {
      expect(await pixelsOf('plain-1', row)).toEqual(pixels[row]);
      const wanted = augmented(pixels[row]!, tinyImage, augment, { seed: SEED, epoch: 2, index: row });
      expect(await pixelsOf('plain-1', row, 3)).toEqual(wanted);
      expect(wanted).not.toEqual(pixels[row]);
    }
  });

  it('of a detector have their boxes moved with them, and no crowds', async () => {
    const settings = { ...geometry, boxCrop: {} };
    const pixels = await run('boxes-1', { augment: settings, boxes: [0.25, 0.25, 0.75, 0.5] });
    const augment = AugmentConfig.parse(settings);
    const { items } = await sheet('boxes-1');
    expect(items[0]).toMatchObject({
      label: null,
      boxes: [{ label: 'dog', x: 0.25, y: 0.25, width: 0.25, height: 0.5 }],
    });
    const objects = { boxes: Float64Array.of(0.25, 0.25, 0.75, 0.5), labels: [1] };
    const counts = new Set<number>();
    for (const { row, draws } of items) {
      for (const { epoch, boxes } of draws) {
        const address = { seed: SEED, epoch: epoch - 1, index: row };
        const { objects: moved, transform } = augmentObjects(objects, augment, address, tinyImage);
        const [top, left, bottom, right] = moved.boxes;
        const wanted =
          moved.labels.length === 0 ? [] : [{ x: left, y: top, width: right! - left!, height: bottom! - top! }];
        expect(boxes).toMatchObject(wanted);
        counts.add(boxes.length);
        if (row === 0) {
          const values = augmented(pixels[0]!, tinyImage, augment, address, transform);
          expect(await pixelsOf('boxes-1', 0, epoch)).toEqual(values);
        }
      }
    }
    expect(counts.has(1)).toBe(true);
  });

  it('that are mixed name their partner: the next of the batch that the epoch had', async () => {
    const settings = { mixup: { probability: 0.5, alpha: 1 }, cutmix: { probability: 0.5, alpha: 1 } };
    const pixels = await run('mixed-1', { augment: settings });
    const augment = AugmentConfig.parse(settings);
    const { items } = await sheet('mixed-1');
    for (const { row, draws } of items) {
      for (const { epoch, mixed } of draws) {
        const partner = partnerOf({ rows: 8, batchSize: 4, seed: SEED }, epoch - 1, row);
        const address = { seed: SEED, epoch: epoch - 1, index: row };
        const { targetShare } = drawMix(augment, address, tinyImage);
        expect(mixed).toMatchObject({
          ownShare: targetShare,
          path: items[partner]?.path,
          label: items[partner]?.label,
        });
        if (row > 1) continue;
        const values = (index: number) => augmentedValues(pixels[index]!, tinyImage, augment, { ...address, index });
        const wanted = bytesOf(mixedValues(values(row), values(partner), tinyImage, augment, address));
        expect(await pixelsOf('mixed-1', row, epoch)).toEqual(wanted);
      }
    }
  });

  it('behind a frozen trunk have as many draws as were kept; without augmentation they are shown as they are', async () => {
    await run('codes-1', { augment: geometry, features: { type: 'float16', variants: 2, codeVersion: 1 } });
    expect(await sheet('codes-1', '?epoch=2')).toMatchObject({ epochs: 2, items: [{ draws: [{ epoch: 2 }] }, {}, {}, {}, {}, {}, {}, {}] }); // prettier-ignore
    expect((await sheet('codes-1', '?epoch=2')).items[0]?.draws).toHaveLength(1);
    const pixels = await run('still-1', { augment: {}, features: { type: 'float16', variants: null, codeVersion: 1 } });
    expect(await sheet('still-1')).toMatchObject({ epochs: 1, on: [] });
    expect(await pixelsOf('still-1', 2, 1)).toEqual(pixels[2]);
  });

  it('are found by their data set, those of other data not among them', async () => {
    await run('plain-1', { augment: geometry });
    const [, name, version] = datasetKey.split('/');
    const answer = await web.ask({ url: `/api/datasets/${name}/${version}/trainings`, cookie });
    expect(Trainings.parse(answer.json()).trainings.map(({ runId }) => runId)).toContain('plain-1');
    await putDataset(web.store, 'others');
    const other = await web.ask({ url: `/api/datasets/others/${hashOf('others')}/trainings`, cookie });
    expect(other.json()).toEqual({ trainings: [] });
  });

  it.each([
    ['/8', 404],
    ['/0?epoch=7', 404],
    ['/0?epoch=0', 400],
    ['/0?epoch=x', 400],
    ['/-1', 400],
    ['/0.5', 400],
    ['/..%2f..%2freport', 400],
    ['?limit=49', 400],
    ['?draws=5', 400],
    ['?cursor=-1', 400],
  ])('have no %s', async (rest, status) => {
    await run('plain-1', { augment: geometry });
    expect((await web.ask({ url: `${url('plain-1')}${rest}`, cookie })).statusCode).toBe(status);
  });

  it('of runs that registered nothing, or whose pictures are gone, are none', async () => {
    expect((await web.ask({ url: url('nothing-1'), cookie })).statusCode).toBe(404);
    await run('swept-1', { augment: geometry });
    await web.store.delete('stages/prepare/swept-1/0');
    const answer = await web.ask({ url: `${url('swept-1')}/0`, cookie });
    expect([answer.statusCode, answer.json()]).toMatchObject([404, { error: { code: 'TRAINING_NOT_FOUND' } }]);
    expect((await web.ask({ url: `${url('plain-1')}/0` })).statusCode).toBe(401);
  });
});
