import type { MlEvent, MlJob, StagedShard, TrainJob } from '../../contracts/ml-protocol.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import type { MlSession } from '../../infra/ports/ml-runner.ts';
import { compilePrograms } from '../../programs/compile.ts';
import { codesJob, featuresJobOf } from '../../test/lib/codes-job.ts';
import { peakMemoryMb } from './peak-memory.ts';

// Children start as a worker's do.
await compilePrograms();

/** Which kernels compute a step where both can: graft's own, or TensorFlow's alone (GRAFT_KERNELS). */
export type Kernels = 'own' | 'tensorflow';

const runnerWith = (kernels: Kernels) =>
  createMlRunner({ env: childEnvironment({ GRAFT_KERNELS: kernels }, { secrets: false }) });
const runner = runnerWith('own');
/** How many threads graft's child gets, and the peers too: the cores that this process may use. */
export const threads = runner.defaultThreads;

/** Memory is looked at this often, and with every event: the last look before the child goes is the one that counts. */
const LOOK_EVERY_MS = 100;

export interface WatchedChild {
  readonly session: MlSession;
  /** When it was started: `performance.now()`. */
  readonly startedMs: number;
  /** What the child says, and when it was heard: `performance.now()`. Throws what the child failed with. */
  readonly events: AsyncIterable<{ readonly event: MlEvent; readonly atMs: number }>;
  peakMb(): number | null;
}

/** A job in graft's own child process, as the worker starts it, with an eye on its memory. */
export function startJob(job: MlJob, kernels: Kernels = 'own'): WatchedChild {
  const startedMs = performance.now();
  const session = runnerWith(kernels).start(job, { threads });
  let peak: number | null = null;
  const look = (): void => {
    peak = peakMemoryMb(session.pid) ?? peak;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  async function* heard(): AsyncGenerator<{ event: MlEvent; atMs: number }> {
    try {
      for await (const event of session.events) {
        const atMs = performance.now();
        look();
        if (event.kind === 'failed') throw new Error(`${event.code}: ${event.where}: ${event.seen}`);
        yield { event, atMs };
      }
    } finally {
      look();
      clearInterval(timer);
    }
  }
  return { session, startedMs, events: heard(), peakMb: () => peak };
}

export interface BehindPrefix {
  /** The training, reading what the frozen part gave; as it was where nothing is frozen. */
  readonly job: TrainJob;
  /** The words about the pass, and when they were heard. */
  readonly passes: readonly { readonly done: number; readonly atMs: number }[];
  /** From loaded libraries to the end of the child; 0 where nothing is frozen. */
  readonly seconds: number;
  readonly peakMb: number | null;
}

/** Sends the images of a training through its frozen part in a child of its own, as the worker does before it. */
export async function behindPrefix(job: TrainJob, dir: string): Promise<BehindPrefix> {
  const features = featuresJobOf(job, dir);
  if (features === null) return { job, passes: [], seconds: 0, peakMb: null };
  const child = startJob(features);
  const staged: StagedShard[] = [];
  const passes: { done: number; atMs: number }[] = [];
  let [readyMs, endMs] = [child.startedMs, child.startedMs];
  for await (const { event, atMs } of child.events) {
    if (event.kind === 'ready') readyMs = atMs;
    if (event.kind === 'features') passes.push({ done: event.done, atMs });
    if (event.kind === 'shard') staged.push(event.staged);
    endMs = atMs;
  }
  return { job: codesJob(job, features, staged), passes, seconds: (endMs - readyMs) / 1000, peakMb: child.peakMb() };
}
