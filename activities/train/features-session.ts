import pLimit from 'p-limit';
import type { FeaturesJob, MlEvent, StagedShard } from '../../contracts/ml-protocol.ts';
import { failureOf } from '../lib/ml-failure.ts';
import type { TrainPorts } from '../ports.ts';

/** A shard that is whole lies on the disk: losing the one that is under way costs little. */
const STOP_DEADLINE_MS = 30_000;
/** Shards that are taken over at once, beside the passes. */
const UPLOADS_AT_ONCE = 3;

export interface FeaturesRun {
  readonly ports: Pick<TrainPorts, 'ml'>;
  readonly job: FeaturesJob;
  readonly threads: number;
  readonly signal: AbortSignal;
  onEvent(event: MlEvent): void;
  /** Takes a finished shard over, beside the next passes. What it throws ends the run. */
  store(staged: StagedShard): Promise<void>;
}

/** Runs the child that computes codes until it is done or stopped; every shard it finished is taken over by then. */
export async function superviseFeatures(run: FeaturesRun): Promise<'extracted' | 'stopped'> {
  const session = run.ports.ml.start(run.job, { threads: run.threads });
  const onAbort = (): void => void session.stop(STOP_DEADLINE_MS);
  run.signal.addEventListener('abort', onAbort, { once: true });
  if (run.signal.aborted) onAbort();
  const limit = pLimit(UPLOADS_AT_ONCE);
  const uploads: Promise<void | undefined>[] = [];
  const failures: unknown[] = [];
  let end: 'extracted' | 'stopped' = 'stopped';
  try {
    for await (const event of session.events) {
      run.onEvent(event);
      if (event.kind === 'failed') throw failureOf(event);
      if (event.kind === 'extracted') end = 'extracted';
      if (event.kind !== 'shard') continue;
      const upload = limit(() => (failures.length > 0 ? undefined : run.store(event.staged))).catch(
        (error: unknown) => {
          failures.push(error);
          // It would go on for nothing, and may be silent for long.
          return session.kill();
        },
      );
      uploads.push(upload);
    }
    await Promise.all(uploads);
    if (failures.length > 0) throw failures[0];
    return end;
  } catch (error) {
    failures.push(error);
    await session.kill();
    await Promise.all(uploads);
    // The first one: a child that was killed for it has no news.
    throw failures[0];
  } finally {
    run.signal.removeEventListener('abort', onAbort);
  }
}
