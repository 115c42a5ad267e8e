/** The composition root: real adapters behind the ports, and a Temporal worker for each queue. */
import { setFlagsFromString } from 'node:v8';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createAdviseActivities } from '../activities/advise/advise.ts';
import { createEvaluateActivities } from '../activities/evaluate/evaluate.ts';
import { createGateActivities } from '../activities/gate/gate.ts';
import { createIngestActivities } from '../activities/ingest/ingest.ts';
import type { TrainPorts } from '../activities/ports.ts';
import { createNotifyActivities } from '../activities/notify/notify.ts';
import { createPlanActivities } from '../activities/plan/plan-retraining.ts';
import { createPrepareActivities } from '../activities/prepare/prepare.ts';
import { createApprovalActivities } from '../activities/promote/approval.ts';
import { createAliasActivities } from '../activities/promote/change-alias.ts';
import { createPromoteActivities } from '../activities/promote/promote.ts';
import { createRunActivities } from '../activities/run-record/run-record.ts';
import { createShadowActivities } from '../activities/promote/shadow.ts';
import { createScheduleActivities } from '../activities/schedule/schedule.ts';
import { createSplitActivities } from '../activities/split/split.ts';
import { createSweepActivities } from '../activities/sweep-record/sweep-record.ts';
import { createTrainActivities } from '../activities/train/train.ts';
import { createValidateActivities } from '../activities/validate/validate.ts';
import { unwrap } from '../core/result.ts';
import { taskQueues } from '../workflows/workflow-ids.ts';
import type { QueueRole } from '../workflows/workflow-ids.ts';
import { childEnvironment, notifyVariable, settings } from './config.ts';
import type { Connections } from './config.ts';
import { createImageDecoder } from './images/image-decoder.ts';
import { createLocalFiles } from './local-files.ts';
import { createMlRunner } from './ml/ml-runner.ts';
import { fetchWeights } from './native/weights-fetch.ts';
import { createNotifier } from './notify/notifier.ts';
import type { Notifier } from './ports/notifier.ts';
import { ensureBucket } from './s3/ensure-bucket.ts';
import { withRecentBlobs } from './recent-blobs.ts';
import { probeConditionalWrites } from './s3/probe.ts';
import { createS3ObjectStore } from './s3/s3-object-store.ts';
import { allowedHosts } from './sources/url/address.ts';
import { openDatasetSource, sourcesSetup } from './sources/open-source.ts';
import { systemClock } from './system-clock.ts';
import { jsonLogger } from './telemetry/json-logger.ts';
import { openWorkerTelemetry } from './telemetry/worker-telemetry.ts';
import type { WorkerTelemetry } from './telemetry/worker-telemetry.ts';
import { tlsOptions } from './temporal/connect.ts';
import { workflowBundle } from './temporal/workflow-bundle.ts';
import { eventEncoder } from './tensorboard/encode.ts';
import { graftVersion } from './version.ts';

export interface WorkerOptions {
  readonly connections: Connections;
  readonly queues: readonly QueueRole[];
  /** Aborted to drain: training writes a checkpoint, then the workers stop. */
  readonly signal: AbortSignal;
  /** Called once all queues are polled. */
  onReady?(): void;
}

/** How often progress reaches the server, and so the dashboard: the SDK would hold heartbeats back for most of their timeout. */
const HEARTBEAT_EVERY = '500 ms';
/** For how long an ML process waits for a next job: between stages and trials, not through a night. */
const SPARE_ML_MS = 60_000;
/** Training has this long for its last checkpoint when the worker must go (activities/train/training-session.ts). */
const FORCE_AFTER = '90 seconds';

/**
 * How much more than what lives the heap may grow to before the next collection, in percent. V8 would let it quadruple on
 * a machine with much memory: what thousands of small requests leave behind is then most of the process.
 */
const HEAP_GROWING_PERCENT = 40;

/** Runs until `signal` is aborted and everything under way has come to a stop. Throws what keeps it from starting. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { connections, queues, signal } = options;
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const { metricsPort, otlpEndpoint, logFormat } = settings();
  Runtime.install({ logger: logFormat === 'json' ? jsonLogger() : new DefaultLogger('INFO'), shutdownSignals: [] });
  const store = createS3ObjectStore(connections.s3);
  unwrap(await ensureBucket(store));
  unwrap(await probeConditionalWrites(store));
  const connection = await connect(connections);
  const { namespace } = connections.temporal;
  const telemetry = await openWorkerTelemetry({ metricsPort, otlpEndpoint, graftVersion, connection, namespace });
  const ports = createPorts(store, telemetry, queues);
  try {
    const workers = await Promise.all(
      queues.map((role) => createWorker(role, connection, namespace, ports, telemetry.workerOptions)),
    );
    const running = workers.map((worker) => worker.run());
    const stop = (): void => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    options.onReady?.();
    await Promise.all(running);
  } finally {
    await telemetry.close();
    await connection.close();
    await ports.images.close();
    store.close();
  }
}

async function connect({ temporal }: Connections): Promise<NativeConnection> {
  const tls = await tlsOptions(temporal);
  return NativeConnection.connect({
    address: temporal.address,
    tls: tls ?? null,
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
}

function createPorts(plain: TrainPorts['store'], telemetry: WorkerTelemetry, queues: readonly QueueRole[]): TrainPorts {
  const known = settings();
  const runner = createMlRunner({
    env: childEnvironment({}, { secrets: false }),
    defaultThreads: known.threads,
    spareMs: SPARE_ML_MS,
  });
  const { store: metered, ml } = telemetry.meter({ store: plain, ml: runner });
  const store = withRecentBlobs(metered);
  return {
    store,
    clock: systemClock,
    events: eventEncoder,
    images: createImageDecoder({ env: childEnvironment({}, { secrets: false }) }),
    openSource: openDatasetSource({ store, ...sourcesSetup(known) }),
    files: createLocalFiles({ store, dir: join(known.stateDir, 'files') }),
    ml,
    ...(queues.includes('train') ? { trainsHere: { almostRendered: () => runner.expectJob() } } : {}),
    fetchWeights: (backbone, weights) => fetchWeights(backbone, weights, known),
    graftVersion,
    host: hostname(),
  };
}

function workerNotifier(): Notifier {
  return createNotifier({
    allowed: allowedHosts(settings().urlAllow),
    variable: notifyVariable,
    nowMs: () => systemClock.nowMs(),
    env: childEnvironment({}, { secrets: false }),
  });
}

async function createWorker(
  role: QueueRole,
  connection: NativeConnection,
  namespace: string,
  ports: TrainPorts,
  telemetry: WorkerTelemetry['workerOptions'],
): Promise<Worker> {
  return Worker.create({
    ...telemetry,
    connection,
    namespace,
    taskQueue: taskQueues[role],
    shutdownGraceTime: '1 second',
    shutdownForceTime: FORCE_AFTER,
    maxHeartbeatThrottleInterval: HEARTBEAT_EVERY,
    defaultHeartbeatThrottleInterval: HEARTBEAT_EVERY,
    ...(await duties(role, ports)),
  });
}

/** What a queue's worker does: workflows alone, everything that needs data and a processor, or training on its device. */
async function duties(role: QueueRole, ports: TrainPorts) {
  switch (role) {
    case 'workflow': {
      const { cacheDir, otlpEndpoint } = settings();
      return { workflowBundle: { codePath: await workflowBundle(cacheDir, { traced: otlpEndpoint !== null }) } };
    }
    case 'data':
      return {
        maxConcurrentActivityTaskExecutions: 8,
        activities: {
          ...createRunActivities(ports),
          ...createSweepActivities(ports),
          ...createIngestActivities(ports),
          ...createValidateActivities(ports),
          ...createSplitActivities(ports),
          ...createPlanActivities(ports),
          ...createPrepareActivities(ports),
          ...createEvaluateActivities(ports),
          ...createGateActivities(ports),
          ...createPromoteActivities(ports),
          ...createApprovalActivities(ports),
          ...createAliasActivities(ports),
          ...createShadowActivities(ports),
          ...createScheduleActivities(ports),
          ...createNotifyActivities({ store: ports.store, notifier: workerNotifier() }),
        },
      };
    case 'train':
      // One training at a time has the device to itself; the others wait their turn in the queue.
      return {
        maxConcurrentActivityTaskExecutions: 1,
        activities: { ...createTrainActivities(ports), ...createAdviseActivities(ports) },
      };
  }
}
