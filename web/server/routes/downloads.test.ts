import { request } from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { asSha256 } from '../../../core/ids.ts';
import { ModelExports } from '../../../contracts/web.ts';
import { hashOf, metricsOf, putBlob, tinyModel } from '../../../test/fakes/stage-fixtures.ts';
import { HOST, testDashboard, TOKEN } from '../testing/dashboard.ts';
import type { TestDashboard } from '../testing/dashboard.ts';

let web: TestDashboard;
let cookie: string;
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

beforeAll(async () => {
  web = await testDashboard();
  cookie = await web.signIn();
  const { store } = web;
  const weights = await putBlob(store, 'stages/train/x/weights', new TextEncoder().encode('the weights'));
  const manifest = {
    ...{ kind: 'graft.model-version/1', name: 'pets', version: 3, createdAt: '2026-01-01T00:00:00Z', runId: 'run-1' },
    ...{ weights, model: tinyModel(), metrics: metricsOf(0.9) },
    lineage: {
      dataset: { name: 'd', version: 'v', manifestKey: 'k' },
      ...{ splitKey: 's', prepareKey: 'p', trainKey: 't', evaluateKey: 'e', gateKey: hashOf('g'), graftVersion: '1' },
    },
  };
  await store.put('models/pets/versions/3/manifest.json', text(manifest));
  const archive = await putBlob(store, 'models/pets/archives/3/onnx-int8.tar', new TextEncoder().encode('an archive'));
  const record = {
    ...{ kind: 'graft.export-record/1', version: 3, createdAt: '2026-01-01T00:00:00.000Z', graftVersion: '1' },
    check: { pixels: { images: 8, maxDifference: 0.01 }, files: { images: 8, maxDifference: 0.02 }, accuracy: null },
    sizeBytes: 8,
  };
  await store.put(
    'models/pets/exports/3/onnx-int8.json',
    text({ ...record, format: 'onnx', precision: 'int8', archive }),
  );
  await store.put('models/pets/exports/3/tfjs-float32.json', text({ ...record, format: 'tfjs', precision: 'float32' }));
  const gone = { key: 'models/pets/archives/3/gone.tar', sha256: asSha256(hashOf('gone')), sizeBytes: 9 };
  const lost = { ...record, format: 'tfjs', precision: 'int8', archive: gone };
  await store.put('models/pets/exports/3/tfjs-int8.json', text(lost));
});
afterAll(() => web.app.close());

const base = '/api/models/pets/versions/3';

it('lists what was exported with what it cost; what was not kept can’t be had', async () => {
  const { exports } = ModelExports.parse((await web.ask({ url: `${base}/exports`, cookie })).json());
  expect(exports).toMatchObject([
    { format: 'onnx', maxDifference: 0.02, download: { file: 'onnx-int8.tar', sizeBytes: 10 } },
    { format: 'tfjs', precision: 'float32', download: null },
    { format: 'tfjs', precision: 'int8' },
  ]);
});

it('sends an archive as a file of the version’s name and nothing to be shown', async () => {
  const { statusCode, headers, body } = await web.ask({ url: `${base}/exports/onnx-int8.tar`, cookie });
  expect([statusCode, body]).toEqual([200, 'an archive']);
  expect(headers).toMatchObject({
    'content-disposition': 'attachment; filename="pets-3-onnx-int8.tar"',
    ...{ 'content-length': '10', 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' },
  });
  const weights = await web.ask({ url: `${base}/weights`, cookie });
  expect([weights.body, weights.headers['content-length']]).toEqual(['the weights', '11']);
});

it.each([
  'tfjs-float32.tar',
  'tfjs-int8.tar',
  'onnx-float16.tar',
  'onnx-int8.json',
  'onnx-int8.tar.gz',
  'onnx-int8',
  '..%2fonnx-int8.tar',
  '..%2f..%2f..%2faliases.json',
  'onnx-int8.tar%00',
  'ONNX-INT8.tar',
])('has no %s', async (file) => {
  const { statusCode, body } = await web.ask({ url: `${base}/exports/${file}`, cookie });
  expect(statusCode).toBe(404);
  expect(body).not.toContain('an archive');
});

it('is for those who are signed in, and of versions that are there', async () => {
  expect((await web.ask({ url: `${base}/exports/onnx-int8.tar` })).statusCode).toBe(401);
  expect((await web.ask({ url: '/api/models/pets/versions/4/exports', cookie })).statusCode).toBe(404);
  expect((await web.ask({ url: '/api/models/..%2fpets/versions/3/exports/onnx-int8.tar', cookie })).statusCode).toBe(
    404,
  );
});

it('has sixteen on their way at most; those that are left make room', async () => {
  await web.app.listen({ host: '127.0.0.1', port: 0 });
  const address = web.app.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const whole = web.store.stream;
  const endless: Readable[] = [];
  web.store.stream = () => {
    const body = new Readable({ read: () => undefined });
    endless.push(body);
    return Promise.resolve(body);
  };
  const headers = { authorization: `Bearer ${TOKEN}`, host: HOST };
  const open = Array.from({ length: 16 }, () =>
    request({ port, path: `${base}/exports/onnx-int8.tar`, headers })
      .on('error', () => undefined)
      .end(),
  );
  await expect.poll(() => endless.length).toBe(16);
  const late = await web.ask({ url: `${base}/weights`, cookie });
  expect([late.statusCode, late.json()]).toMatchObject([429, { error: { code: 'TOO_MANY' } }]);
  for (const each of open) each.destroy();
  await expect.poll(() => endless.every(({ destroyed }) => destroyed)).toBe(true);
  web.store.stream = whole;
  expect((await web.ask({ url: `${base}/exports/onnx-int8.tar`, cookie })).statusCode).toBe(200);
});
