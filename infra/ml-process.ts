/**
 * The ML child process: loads TensorFlow, runs one job, speaks with its parent over IPC (contracts/ml-protocol.ts).
 * It has no storage credentials in its environment and exits when its parent is gone.
 */
import { MlCommand } from '../contracts/ml-protocol.ts';
import type { MlEvent, MlJob } from '../contracts/ml-protocol.ts';
import { GraftError, messageOf } from '../core/errors.ts';
import { BatchQueue } from './ml/batch-queue.ts';
import { loadTensorFlow } from './native/load-tensorflow.ts';
import type { Parallelism } from './native/tensorflow-env.ts';

let stopRequested = false;
const batches = new BatchQueue();

let unsent = 0;
let onSent: () => void = () => undefined;

function emit(event: MlEvent): void {
  unsent++;
  process.send?.(event, undefined, undefined, () => {
    unsent--;
    onSent();
  });
}

/** Closing the channel drops what is still being written: a list of boxes is more than a pipe takes at once. */
async function allSent(): Promise<void> {
  while (unsent > 0) {
    await new Promise<void>((resolve) => {
      onSent = resolve;
    });
  }
}

async function load(parallelism: Parallelism) {
  const native = await loadTensorFlow(parallelism);
  // After TensorFlow: ml imports tfjs, which must find the native backend registered.
  return { native, ...(await import('../ml/trainer/run-job.ts')) };
}

async function run(job: MlJob, parallelism: Parallelism): Promise<void> {
  const { native, runJob } = await load(parallelism);
  emit({
    kind: 'ready',
    environment: {
      backend: native.backend,
      tensorflow: native.tensorflowVersion,
      device: native.device,
      threads: native.threads,
      oneDnn: native.backend !== 'cpu-js',
      engine: native.backend === 'cpu-js' ? 'eager' : 'compiled',
      kernels: native.kernels,
      parts: native.parts,
      arch: process.arch,
    },
  });
  await runJob(job, {
    emit,
    stopRequested: () => stopRequested,
    nowMs: () => Date.now(),
    residentBytes: () => process.memoryUsage.rss(),
    batches,
  });
}

function fail(error: unknown): void {
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  if (error instanceof GraftError) {
    const { kind, ...parts } = error.parts;
    emit({ kind: 'failed', code: error.code, errorKind: kind, ...parts, ...stack });
  } else {
    emit({
      kind: 'failed',
      code: 'ML_FAILED',
      errorKind: 'transient',
      where: 'ML process',
      seen: messageOf(error),
      ...stack,
    });
  }
}

process.on('disconnect', () => process.exit(1));
// The worker decides about signals that a terminal sends to the whole group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => {
  stopRequested = true;
  batches.end();
});

process.on('message', (message) => {
  const command = MlCommand.parse(message);
  if (command.kind === 'stop') {
    stopRequested = true;
    batches.end();
    return;
  }
  if (command.kind === 'score') {
    batches.push(command);
    return;
  }
  if (command.kind === 'warm') {
    // What fails here fails again, and is told of, as a job comes.
    void load(command).catch(() => undefined);
    return;
  }
  void run(command.job, command)
    .catch(fail)
    .then(allSent)
    .finally(() => {
      process.removeAllListeners('disconnect');
      process.disconnect();
    });
});
