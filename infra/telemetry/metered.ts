import { stat } from 'node:fs/promises';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import type { MlRunner } from '../ports/ml-runner.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** The same runner; what its trainings say is counted on the way. */
export function meteredMlRunner(runner: MlRunner, metrics: Pick<WorkerMetrics, 'steps' | 'epoch'>): MlRunner {
  return {
    defaultThreads: runner.defaultThreads,
    start: (job, options) => {
      const session = runner.start(job, options);
      if (job.kind !== 'train') return session;
      const events = counted(session.events, metrics, job.resume?.counters.step ?? 0);
      return {
        pid: session.pid,
        events,
        score: (batch) => {
          session.score(batch);
        },
        stop: (deadlineMs) => session.stop(deadlineMs),
        kill: () => session.kill(),
      };
    },
  };
}

async function* counted(
  events: AsyncIterable<MlEvent>,
  metrics: Pick<WorkerMetrics, 'steps' | 'epoch'>,
  resumedFrom: number,
): AsyncGenerator<MlEvent> {
  let last = resumedFrom;
  for await (const event of events) {
    if (event.kind === 'step') {
      metrics.steps(Math.max(0, event.step - last), event.imagesPerSecond, event.residentMb);
      last = event.step;
    } else if (event.kind === 'epoch') metrics.epoch();
    yield event;
  }
}

/** The same store; the tensors of checkpoints are timed on their way. */
export function meteredStore(store: ObjectStore, metrics: Pick<WorkerMetrics, 'checkpoint'>): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      if (name !== 'putFile') return bound(target, name);
      const putFile: ObjectStore['putFile'] = async (key, path, sha256, options) => {
        const startedMs = performance.now();
        await target.putFile(key, path, sha256, options);
        if (!/^runs\/[^/]+\/checkpoints\//.test(key)) return;
        const { size } = await stat(path).catch(() => ({ size: 0 }));
        metrics.checkpoint((performance.now() - startedMs) / 1000, size);
      };
      return putFile;
    },
  });
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}
