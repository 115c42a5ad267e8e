/** Traces of a run on a real Temporal server, as a collector receives them over OTLP. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkerTelemetry } from '../../infra/telemetry/worker-telemetry.ts';
import { workflowBundle } from '../../infra/temporal/workflow-bundle.ts';
import { RETRAIN_WORKFLOW, retrainWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import { fakeActivities } from '../fakes/stage-activities.ts';
import { retrainInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

const Span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  status: z.object({ code: z.int().optional() }).optional(),
});
type Span = z.infer<typeof Span>;
const Export = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(Span) })) })),
});

let bench: WorkflowBench;
let collector: Server;
let endpoint: string;
let cache: string;
const spans: Span[] = [];
const paths = new Set<string>();

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'graft-traced-'));
  bench = await workflowBench();
  collector = createServer((request, response) => {
    paths.add(`${request.method ?? ''} ${request.url ?? ''}`);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { resourceSpans } = Export.parse(JSON.parse(Buffer.concat(chunks).toString()));
      for (const { scopeSpans } of resourceSpans) spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((ready) => collector.listen(0, '127.0.0.1', ready));
  const address = collector.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  endpoint = `http://127.0.0.1:${String(address.port)}`;
});
afterAll(async () => {
  collector.close();
  await bench.close();
  await rm(cache, { recursive: true, force: true });
});

/** A run by workers that send spans to `otlpEndpoint`; its history replays without tracing, and that of one without with it. */
async function tracedRun(name: string, otlpEndpoint: string | null): Promise<unknown> {
  const connection = await NativeConnection.connect({ address: bench.address });
  const telemetry = await openWorkerTelemetry({
    ...{ metricsPort: null, otlpEndpoint, graftVersion: '0.0.0', connection, namespace: 'default' },
  });
  const shared = { connection, ...telemetry.workerOptions };
  const codePath = await workflowBundle(cache, { traced: otlpEndpoint !== null });
  const activities = fakeActivities({});
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflow, workflowBundle: { codePath } }),
    Worker.create({ ...shared, taskQueue: taskQueues.data, activities }),
    Worker.create({ ...shared, taskQueue: taskQueues.train, activities }),
  ]);
  const running = workers.map((worker) => worker.run());
  const input = retrainInput(name);
  const handle = await bench.client.workflow.start(RETRAIN_WORKFLOW, {
    ...{ taskQueue: taskQueues.workflow, workflowId: retrainWorkflowId(input.runId), args: [input] },
  });
  const result: unknown = await handle.result();
  for (const worker of workers) worker.shutdown();
  await Promise.all(running);
  await telemetry.close();
  await connection.close();
  const replayed = await workflowBundle(cache, { traced: otlpEndpoint === null });
  const sinks = otlpEndpoint === null ? { sinks: { exporter: { export: { fn: () => undefined } } } } : {};
  await Worker.runReplayHistory({ workflowBundle: { codePath: replayed }, ...sinks }, await handle.fetchHistory());
  return result;
}

test('a run is one trace: its workflow, what that asks for, and the activities below', async () => {
  expect(await tracedRun('traced', endpoint)).toMatchObject({ status: 'completed' });
  expect([...paths]).toEqual(['POST /v1/traces']);
  const workflow = spans.find(({ name }) => name === 'RunWorkflow:retrainWorkflow');
  const train = spans.find(({ name }) => name === 'RunActivity:trainModel');
  const asked = spans.find(({ spanId }) => spanId === train?.parentSpanId);
  expect(asked?.name).toBe('StartActivity:trainModel');
  expect(asked?.parentSpanId).toBe(workflow?.spanId);
  const stages = [
    'openRun',
    'ingestDataset',
    'validateDataset',
    'splitDataset',
    'prepareImages',
    'trainModel',
    'closeRun',
  ];
  const names = new Set(spans.filter(({ traceId }) => traceId === workflow?.traceId).map(({ name }) => name));
  for (const stage of stages) expect(names).toContain(`RunActivity:${stage}`);
});

test('without an endpoint nothing is sent, and a collector that is away costs no run', async () => {
  const before = spans.length;
  expect(await tracedRun('untraced', null)).toMatchObject({ status: 'completed' });
  expect(await tracedRun('unheard', 'http://127.0.0.1:1')).toMatchObject({ status: 'completed' });
  expect(spans.length).toBe(before);
});
