import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What Prometheus reads of a worker. Durations are in seconds; the run is in logs and traces, not in labels. */
export interface WorkerMetrics {
  activity(name: string, seconds: number, outcome: ActivityOutcome): void;
  /** A stage that was found done, or was computed. */
  stage(stage: string, cached: boolean): void;
  steps(count: number, imagesPerSecond: number, residentMb: number): void;
  epoch(): void;
  checkpoint(seconds: number, bytes: number): void;
  waitingActivities(queue: string, count: number): void;
  text(): Promise<string>;
  readonly contentType: string;
}

/** `code` of the error, where it failed. */
export type ActivityOutcome =
  { readonly kind: 'done' } | { readonly kind: 'cancelled' } | { readonly kind: 'failed'; readonly code: string };

const STAGE_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 43_200, 259_200];
const CHECKPOINT_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60];

/** `onScrape` is asked before every reading: for what is known only by asking. */
export function createWorkerMetrics(onScrape: (metrics: WorkerMetrics) => Promise<void>): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const activities = new Histogram({
    ...{ name: 'graft_activity_seconds', help: 'What activities took.', registers, buckets: STAGE_SECONDS },
    labelNames: ['activity', 'outcome'],
  });
  const failures = new Counter({
    ...{ name: 'graft_activity_failures_total', help: 'Tries that failed, by error code.', registers },
    labelNames: ['activity', 'code'],
  });
  const stages = new Counter({
    ...{ name: 'graft_stages_total', help: 'Finished stages: cached or computed.', registers },
    labelNames: ['stage', 'result'],
  });
  const training = trainingMetrics(registers);
  const waiting = new Gauge({
    ...{ name: 'graft_queue_waiting', help: 'Tasks that wait for a worker, about.', registers, labelNames: ['queue'] },
  });
  const metrics: WorkerMetrics = {
    activity: (activity, seconds, outcome) => {
      activities.observe({ activity, outcome: outcome.kind }, seconds);
      if (outcome.kind === 'failed') failures.inc({ activity, code: outcome.code });
    },
    stage: (stage, cached) => {
      stages.inc({ stage, result: cached ? 'cached' : 'computed' });
    },
    ...training,
    waitingActivities: (queue, count) => {
      waiting.set({ queue }, count);
    },
    text: async () => {
      await onScrape(metrics);
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
  return metrics;
}

function trainingMetrics(registers: Registry[]): Pick<WorkerMetrics, 'steps' | 'epoch' | 'checkpoint'> {
  const steps = new Counter({ name: 'graft_train_steps_total', help: 'Training steps that were done.', registers });
  const epochs = new Counter({ name: 'graft_train_epochs_total', help: 'Epochs that were done.', registers });
  const speed = new Gauge({ name: 'graft_train_images_per_second', help: 'As training goes now.', registers });
  const memory = new Gauge({ name: 'graft_train_resident_bytes', help: 'Memory of the training process.', registers });
  const seconds = new Histogram({
    ...{ name: 'graft_checkpoint_seconds', help: 'What storing a checkpoint took.', registers },
    buckets: CHECKPOINT_SECONDS,
  });
  const bytes = new Counter({ name: 'graft_checkpoint_bytes_total', help: 'Bytes of checkpoints stored.', registers });
  return {
    steps: (count, imagesPerSecond, residentMb) => {
      steps.inc(count);
      speed.set(imagesPerSecond);
      memory.set(residentMb * 2 ** 20);
    },
    epoch: () => {
      epochs.inc();
    },
    checkpoint: (took, size) => {
      seconds.observe(took);
      bytes.inc(size);
    },
  };
}
