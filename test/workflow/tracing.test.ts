/** Traces of a run on a real Temporal server, as a collector receives them over OTLP. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputError } from '../../core/errors.ts';
import { openCommandTracing } from '../../infra/telemetry/command-tracing.ts';
import { openWorkerTelemetry } from '../../infra/telemetry/worker-telemetry.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
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
  startTimeUnixNano: z.string(),
  status: z.object({ code: z.int().optional(), message: z.string().optional() }).optional(),
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
async function tracedRun(name: string, otlpEndpoint: string | null, client: Client = bench.client): Promise<unknown> {
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
  const handle = await client.workflow.start(RETRAIN_WORKFLOW, {
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

test('a run that a command starts is in the command’s trace, from the command’s first moment', async () => {
  const { during, workflowInterceptors } = openCommandTracing({ endpoint, graftVersion: '0.0.0' });
  const startedMs = Date.now() - 5_000;
  await during('graft run', startedMs, async () => {
    const { client, close } = await connectTemporal(
      { address: bench.address, namespace: 'default' },
      { workflowInterceptors },
    );
    expect(await tracedRun('commanded', endpoint, client)).toMatchObject({ status: 'completed' });
    await client.workflow.getHandle(retrainWorkflowId(retrainInput('commanded').runId)).describe();
    await close();
  });
  const command = spans.find(({ name }) => name === 'graft run');
  expect(command?.parentSpanId ?? '').toBe('');
  expect(Number(command?.startTimeUnixNano) / 1e6).toBeCloseTo(startedMs, -1);
  const start = spans.find(
    ({ name, traceId }) => name === 'StartWorkflow:retrainWorkflow' && traceId === command?.traceId,
  );
  expect(start?.parentSpanId).toBe(command?.spanId);
  const workflow = spans.find(({ parentSpanId }) => parentSpanId === start?.spanId);
  expect(workflow).toMatchObject({ name: 'RunWorkflow:retrainWorkflow', traceId: command?.traceId });
  const train = spans.filter(({ name, traceId }) => name === 'RunActivity:trainModel' && traceId === command?.traceId);
  expect(train).toHaveLength(1);
  // Whoever follows a run asks again and again.
  expect(spans.filter(({ name }) => /^(Describe|Query)/.test(name))).toEqual([]);
});

test('a command that fails says with which code, and nothing else; a collector that is away costs it a moment', async () => {
  const fail = (to: string) =>
    openCommandTracing({ endpoint: to, graftVersion: '0.0.0' }).during('graft runs resume', Date.now(), () =>
      Promise.reject(inputError('RUN_UNKNOWN', '/home/ada/secret', 'none', 'one', 'look')),
    );
  await expect(fail(endpoint)).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
  const told = spans.find(({ name }) => name === 'graft runs resume');
  expect(told?.status).toEqual({ code: 2, message: 'RUN_UNKNOWN' });
  expect(JSON.stringify(told)).not.toContain('secret');
  await expect(fail('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
});
