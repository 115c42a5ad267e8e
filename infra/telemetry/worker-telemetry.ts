import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { taskQueues } from '../../workflows/workflow-ids.ts';
import type { MlRunner } from '../ports/ml-runner.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { meteringInterceptor } from './activity-interceptor.ts';
import { meteredMlRunner, meteredStore } from './metered.ts';
import { startMetricsServer } from './metrics-server.ts';
import { openTracing } from './worker-tracing.ts';
import { createWorkerMetrics } from './worker-metrics.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

export interface WorkerTelemetryOptions {
  /** Null: nobody reads. */
  readonly metricsPort: number | null;
  /** Where spans go, as OTLP over HTTP; null: nowhere. */
  readonly otlpEndpoint: string | null;
  readonly graftVersion: string;
  readonly connection: NativeConnection;
  readonly namespace: string;
}

/** What a worker tells of itself, wound around its parts. */
export interface WorkerTelemetry {
  readonly workerOptions: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  meter<P extends { readonly store: ObjectStore; readonly ml: MlRunner }>(ports: P): P;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const ACTIVITY_QUEUE = 2;
const WORKFLOW_QUEUE = 1;

export async function openWorkerTelemetry(options: WorkerTelemetryOptions): Promise<WorkerTelemetry> {
  const { metricsPort, otlpEndpoint, graftVersion } = options;
  const tracing = otlpEndpoint === null ? null : openTracing({ endpoint: otlpEndpoint, graftVersion });
  const metrics = metricsPort === null ? null : createWorkerMetrics((known) => countWaiting(options, known));
  const server = metrics && metricsPort !== null ? await startMetricsServer(metrics, HOST, metricsPort) : null;
  const activity = [...(tracing?.activity ?? []), ...(metrics ? [meteringInterceptor(metrics)] : [])];
  return {
    workerOptions: {
      ...(activity.length === 0 ? {} : { interceptors: { activity } }),
      ...(tracing ? { sinks: tracing.sinks } : {}),
    },
    meter: (ports) =>
      metrics ? { ...ports, store: meteredStore(ports.store, metrics), ml: meteredMlRunner(ports.ml, metrics) } : ports,
    close: async () => {
      await server?.close();
      await tracing?.close();
    },
  };
}

/** How many tasks wait in each queue, as Temporal counts them; a server that does not say leaves the last word. */
async function countWaiting(
  { connection, namespace }: WorkerTelemetryOptions,
  metrics: Pick<WorkerMetrics, 'waitingActivities'>,
): Promise<void> {
  for (const [role, name] of Object.entries(taskQueues)) {
    const taskQueueType = role === 'workflow' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE;
    const asked = { namespace, taskQueue: { name }, taskQueueType, reportStats: true };
    const found = await connection.workflowService.describeTaskQueue(asked).catch(() => null);
    const waiting = found?.stats?.approximateBacklogCount;
    if (waiting != null) metrics.waitingActivities(role, Number(waiting));
  }
}
