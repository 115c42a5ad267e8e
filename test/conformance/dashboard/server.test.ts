/** The dashboard's server over a real Temporal and a real object store, which go away and come back. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiError, Health, Overview, Runs } from '../../../contracts/web.ts';
import { retrainWorkflowId, RETRAIN_WORKFLOW, taskQueues } from '../../../workflows/workflow-ids.ts';
import { asRunId } from '../../../core/ids.ts';
import { unwrap } from '../../../core/result.ts';
import { ensureBucket } from '../../../infra/s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../../../infra/s3/s3-object-store.ts';
import { connectTemporal } from '../../../infra/temporal/connect.ts';
import { startDashboard } from '../../../web/server/start.ts';
import type { Dashboard } from '../../../web/server/start.ts';
import { startS3, startTemporal, temporaryDir } from '../../servers.ts';
import type { S3Server, TemporalServer } from '../../servers.ts';
import { retrainInput } from '../../lib/workflow-bench.ts';

const TOKEN = 'k'.repeat(43);
const folder = temporaryDir('dashboard');
const dbFile = join(folder, 'temporal.db');
let temporal: TemporalServer;
let s3: S3Server;
let web: Dashboard;

beforeAll(async () => {
  [temporal, s3] = await Promise.all([startTemporal({ dbFile }), startS3({ dataDir: join(folder, 's3') })]);
  const store = createS3ObjectStore(s3.options('graft'));
  unwrap(await ensureBucket(store));
  store.close();
  web = await startDashboard({
    connections: { temporal: { address: temporal.address, namespace: temporal.namespace }, s3: s3.options('graft') },
    ...{ host: '127.0.0.1', port: 0, token: TOKEN, allowHosts: [], proxy: null, secure: false },
    ...{ log: () => undefined, dist: join(folder, 'no-page') },
  });
});
afterAll(async () => {
  await web.close();
  await Promise.all([temporal.stop(), s3.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function ask(path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${web.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return { status: response.status, body: await response.json() };
}

test('lists what Temporal knows, and says which worker is missing', { timeout: 120_000 }, async () => {
  const client = await connectTemporal({ address: temporal.address, namespace: temporal.namespace });
  const input = retrainInput('pets-1');
  await client.client.workflow.start(RETRAIN_WORKFLOW, {
    ...{ workflowId: retrainWorkflowId(asRunId('pets-1')), taskQueue: taskQueues.workflow, args: [input] },
    memo: { requestedBy: 'tester' },
  });
  await client.close();
  await expect.poll(async () => Runs.parse((await ask('/api/runs')).body).total, { timeout: 30_000 }).toBe(1);
  const { body } = await ask('/api/runs/pets-1');
  expect(body).toMatchObject({ row: { status: 'running', requestedBy: 'tester' }, actions: ['cancel'] });
  expect(body).toMatchObject({ live: { notice: expect.stringMatching(/^NO_WORKER: .*graft worker/) } });
  expect(Overview.parse((await ask('/api/overview')).body).counts.running).toBe(1);
  expect((await ask('/api/runs/pets-2')).status).toBe(404);
  expect((await ask('/api/runs/pets-1/evaluation')).status).toBe(404);
});

test('a stream tells at once how a run stands; of one that is not there it is a 404', { timeout: 60_000 }, async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const gone = new AbortController();
  const response = await fetch(`${web.url}/api/runs/pets-1/stream`, { headers, signal: gone.signal });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = response.body?.getReader();
  let text = '';
  while (!text.includes('event: progress')) text += new TextDecoder().decode((await reader?.read())?.value);
  gone.abort();
  expect(text).toContain('"runId":"pets-1"');
  expect((await fetch(`${web.url}/api/runs/pets-2/stream`, { headers })).status).toBe(404);
});

test(
  'Temporal and the store go away and come back: 503 with the reason, and then as before',
  { timeout: 240_000 },
  async () => {
    const health = async () => Health.parse((await ask('/api/health')).body);
    expect(await health()).toMatchObject({ temporal: { ok: true }, store: { ok: true } });
    await Promise.all([temporal.kill(), s3.kill()]);
    const [runs, data] = [await ask('/api/runs/pets-1'), await ask('/api/datasets')];
    expect([runs.status, data.status]).toEqual([503, 503]);
    expect(ApiError.parse(data.body).error).toMatchObject({ code: expect.stringMatching(/^STORE_/), retryAfter: 2 });
    expect(await health()).toMatchObject({ temporal: { ok: false }, store: { ok: false } });
    const { accessKey, secretKey } = s3.options('graft');
    [temporal, s3] = await Promise.all([
      startTemporal({ dbFile, port: temporal.port }),
      startS3({ dataDir: join(folder, 's3'), port: s3.port, credentials: { accessKey, secretKey } }),
    ]);
    await expect.poll(async () => (await ask('/api/runs/pets-1')).status, { timeout: 60_000 }).toBe(200);
    await expect.poll(async () => (await ask('/api/datasets')).status, { timeout: 30_000 }).toBe(200);
    expect(await health()).toMatchObject({ temporal: { ok: true }, store: { ok: true } });
  },
);
