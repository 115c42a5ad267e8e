import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { asSha256 } from '../../core/ids.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { temporaryDir } from '../../test/servers.ts';
import type { MlRunner } from '../ports/ml-runner.ts';
import { jsonLogger } from './json-logger.ts';
import { meteredMlRunner, meteredStore } from './metered.ts';
import { startMetricsServer } from './metrics-server.ts';
import { createWorkerMetrics } from './worker-metrics.ts';

const step = (at: number): MlEvent => ({
  ...{ kind: 'step', step: at, totalSteps: 9, epoch: 0, loss: 1, imagesPerSecond: 50, residentMb: 2, tensors: 1 },
});

function saying(events: readonly MlEvent[]): MlRunner {
  return {
    defaultThreads: 1,
    start: () => ({
      pid: 1,
      ...{ score: () => undefined, stop: () => Promise.resolve(), kill: () => Promise.resolve() },
      events: (async function* () {
        yield* events;
      })(),
    }),
  };
}

describe('what a worker tells Prometheus', () => {
  it('steps that were done, not where a resumed training stands', async () => {
    const metrics = createWorkerMetrics(() => Promise.resolve());
    const job = { kind: 'train', resume: { counters: { step: 100 } } } as Parameters<MlRunner['start']>[0];
    const session = meteredMlRunner(saying([step(101), step(103), step(107)]), metrics).start(job, { threads: 1 });
    const seen: MlEvent[] = [];
    for await (const event of session.events) seen.push(event);
    expect(seen).toHaveLength(3);
    const text = await metrics.text();
    expect(text).toMatch(/^graft_train_steps_total 7$/m);
    expect(text).toMatch(/^graft_train_images_per_second 50$/m);
    expect(text).toMatch(/^graft_train_resident_bytes 2097152$/m);
  });

  it('checkpoints and their bytes, and no other file', async () => {
    const metrics = createWorkerMetrics(() => Promise.resolve());
    const plain = createMemoryObjectStore();
    const store = meteredStore(plain, metrics);
    const dir = temporaryDir('metered');
    const path = join(dir, 'x');
    writeFileSync(path, 'abc');
    const hash = asSha256('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    await store.putFile('runs/digits-1/checkpoints/1-1/tensors.safetensors', path, hash);
    await store.putFile('blobs/x', path, hash);
    rmSync(dir, { recursive: true });
    expect(plain.keys()).toHaveLength(2);
    const text = await metrics.text();
    expect(text).toMatch(/^graft_checkpoint_bytes_total 3$/m);
    expect(text).toMatch(/^graft_checkpoint_seconds_count 1$/m);
  });

  it('over HTTP, with what is only known by asking', async () => {
    const metrics = createWorkerMetrics((known) => Promise.resolve(known.waitingActivities('train', 4)));
    metrics.activity('trainModel', 2, { kind: 'failed', code: 'TRAIN_NONFINITE' });
    metrics.stage('ingest', true);
    const server = await startMetricsServer(metrics, '127.0.0.1', 0);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    await server.close();
    expect(text).toMatch(/^graft_queue_waiting\{queue="train"\} 4$/m);
    expect(text).toMatch(/^graft_activity_failures_total\{activity="trainModel",code="TRAIN_NONFINITE"\} 1$/m);
    expect(text).toMatch(/^graft_stages_total\{stage="ingest",result="cached"\} 1$/m);
  });
});

describe('log lines as JSON', () => {
  it('one object a line, with the run', () => {
    const lines: string[] = [];
    const logger = jsonLogger({ write: (line) => void lines.push(line) });
    logger.warn('slow', { workflowId: 'graft-run-digits-1', attempt: 2 });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'slow', graftRun: 'digits-1', attempt: 2, level: 40 });
  });
});
