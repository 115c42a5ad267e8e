import type { RunningActivity } from './activity-context.ts';

/** Reports `details()` now and every few seconds until the returned function is called: a slow picture is no dead worker. */
export function beating(activity: RunningActivity, details: () => unknown, everyMs = 5_000): () => void {
  const beat = (): void => activity.heartbeat(details());
  beat();
  const timer = setInterval(beat, everyMs);
  return () => clearInterval(timer);
}
