import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelVersion } from '../../contracts/registry.ts';
import { unwrap } from '../../core/result.ts';
import { picture } from '../../test/fakes/image-fixtures.ts';
import { ask, promoteTo, registerMadeUp, startServe, until } from '../../test/lib/serve-bench.ts';
import type { Answer, ServeProcess } from '../../test/lib/serve-bench.ts';
import { startS3, temporaryDir } from '../../test/servers.ts';
import type { S3Server } from '../../test/servers.ts';
import { ensureBucket } from '../s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../s3/s3-object-store.ts';
import type { S3ObjectStore } from '../s3/s3-object-store.ts';

const dir = temporaryDir('serve');
const image = { heightPx: 32, widthPx: 32, channels: 3, resize: 'stretch' } as const;
let s3: S3Server;
let store: S3ObjectStore;
let server: ServeProcess;
let versions: ModelVersion[] = [];
let jpeg: Buffer;

beforeAll(async () => {
  s3 = await startS3();
  store = createS3ObjectStore(s3.options('models'));
  unwrap(await ensureBucket(store));
  versions = [];
  for (const version of [1, 2, 3]) {
    versions.push(await registerMadeUp(store, join(dir, 'made'), version, { backbone: 'tiny-cnn', image }));
  }
  await promoteTo(store, versions[0]!);
  jpeg = await picture(80, 60).jpeg().toBuffer();
  server = await startServe(s3.options('models'), join(dir, 'state'), ['--max-bytes', '100000', '--queue', '64']);
});
afterAll(async () => {
  server.kill('SIGKILL');
  store.close();
  await s3.stop();
});

const get = (path: string) => fetch(`${server.url}${path}`);
const versionNow = async (): Promise<number | null> => (await ask(server.url, jpeg)).version;
const servedIs = (version: number) => until(async () => ((await versionNow()) === version ? true : undefined), 60_000);

describe('graft serve', () => {
  it('answers with probabilities, the likeliest first, alone and beside others alike', async () => {
    const alone = await ask(server.url, jpeg);
    expect(alone).toMatchObject({ status: 200, version: 1 });
    const scores = alone.predictions.map(({ score }) => score);
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const many = await Promise.all(Array.from({ length: 20 }, () => ask(server.url, jpeg)));
    for (const { predictions } of many) {
      expect(predictions.map(({ label }) => label)).toEqual(alone.predictions.map(({ label }) => label));
      predictions.forEach(({ score }, index) => expect(score).toBeCloseTo(scores[index]!, 5));
    }
    expect((await ask(server.url, jpeg, 'image/jpeg', '?top=1')).predictions).toHaveLength(1);
  });

  it('says what is wrong with a request, and goes on', async () => {
    const garbage = Buffer.from('no picture at all');
    const cut = jpeg.subarray(0, 500);
    const cases: [Promise<Answer>, number, string][] = [
      [ask(server.url, garbage), 422, 'IMAGE_TYPE_MISMATCH'],
      [ask(server.url, cut), 422, 'IMAGE_TRUNCATED'],
      [ask(server.url, new Uint8Array(0)), 422, 'IMAGE_EMPTY'],
      [ask(server.url, randomBytes(100_001)), 413, 'IMAGE_BYTES'],
      [ask(server.url, jpeg, 'text/plain'), 415, 'IMAGE_TYPE'],
      [ask(server.url, jpeg, 'image/jpeg', '?top=0'), 400, 'SERVE_QUERY'],
    ];
    for (const [answer, status, code] of cases) expect(await answer).toMatchObject({ status, code });
    expect((await get('/nothing')).status).toBe(404);
    expect((await ask(server.url, jpeg)).status).toBe(200);
  });

  it('shows its health, its model and its figures', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready', model: 'shapes', version: 1 });
    expect(await (await get('/v1/model')).json()).toMatchObject({ alias: 'champion', backbone: 'tiny-cnn' });
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/graft_serve_requests_total\{code="200"\} \d+/);
    expect(metrics).toContain('graft_serve_model_version{model="shapes"} 1');
  });

  it('fails no request while the alias moves on and back', async () => {
    const seen: Answer[] = [];
    let asking = true;
    const clients = Array.from({ length: 4 }, async () => {
      while (asking) seen.push(await ask(server.url, jpeg));
    });
    await promoteTo(store, versions[1]!);
    await servedIs(2);
    await promoteTo(store, versions[0]!);
    await servedIs(1);
    asking = false;
    await Promise.all(clients);
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(seen.map(({ version }) => version))).toEqual(new Set([1, 2]));
  });

  it('keeps a version whose successor can’t be loaded, and says so', async () => {
    await store.delete(versions[2]!.weights.key);
    await promoteTo(store, versions[2]!);
    await until(() => (server.log().includes('the version that is served stays') ? true : undefined), 60_000);
    expect(await ask(server.url, jpeg)).toMatchObject({ status: 200, version: 1 });
    await promoteTo(store, versions[1]!);
    await servedIs(2);
  });

  it('answers what is inside when it is told to stop, takes nothing new, and ends well', async () => {
    const inside = Array.from({ length: 3 }, () => halfSent(server.url, jpeg));
    const finish = await Promise.all(inside);
    server.kill('SIGTERM');
    await until(() => (server.log().includes('stopping') ? true : undefined), 10_000);
    await until(
      () =>
        ask(server.url, jpeg).then(
          () => undefined,
          () => true,
        ),
      10_000,
    );
    for (const answer of await Promise.all(finish.map((end) => end()))) expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(await server.exited).toBe(0);
  });
});

/** A request of which the server has the head and half of the picture; what it gives sends the rest. */
async function halfSent(url: string, body: Buffer): Promise<() => Promise<string>> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const head = `POST /v1/predict HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: image/jpeg\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head);
  // The server has taken the head when it says so.
  await until(() => (said.includes('100 Continue') ? true : undefined), 10_000);
  socket.write(body.subarray(0, 100));
  return async () => {
    socket.write(body.subarray(100));
    await ended;
    return said.slice(said.lastIndexOf('HTTP/1.1'));
  };
}
