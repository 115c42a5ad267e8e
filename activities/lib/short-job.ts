import type { MlEvent, MlJob } from '../../contracts/ml-protocol.ts';
import { GraftError } from '../../core/errors.ts';
import type { TrainPorts } from '../ports.ts';
import type { RunningActivity } from './activity-context.ts';
import { stoppedByRequest } from './error-boundary.ts';
import { failureOf } from './ml-failure.ts';

const STOP_DEADLINE_MS = 10_000;

/** Runs a job that keeps nothing in a child to its end, beating as it goes on, and stops it where the activity is stopped. */
export async function shortJob<Kind extends 'evaluated' | 'predicted' | 'probed' | 'measured' | 'range-tested'>(
  ports: Pick<TrainPorts, 'ml'>,
  activity: RunningActivity,
  job: MlJob,
  ends: Kind,
): Promise<Extract<MlEvent, { kind: Kind }>> {
  const session = ports.ml.start(job, { threads: ports.ml.defaultThreads });
  const onAbort = (): void => void session.stop(STOP_DEADLINE_MS);
  activity.signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const event of session.events) {
      if (event.kind === 'features') activity.heartbeat({ done: event.done, total: event.total });
      if (event.kind === 'failed') throw failureOf(event);
      if (isEnd(event, ends)) return event;
    }
    throw activity.signal.aborted
      ? stoppedByRequest(activity)
      : new GraftError('ML_CRASHED', { kind: 'transient', where: 'scoring', seen: 'it ended without a result' });
  } finally {
    activity.signal.removeEventListener('abort', onAbort);
    await session.stop(STOP_DEADLINE_MS);
  }
}

function isEnd<Kind extends MlEvent['kind']>(event: MlEvent, kind: Kind): event is Extract<MlEvent, { kind: Kind }> {
  return event.kind === kind;
}
