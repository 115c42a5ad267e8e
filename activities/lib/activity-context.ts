import { setMaxListeners } from 'node:events';
import { Context } from '@temporalio/activity';
import type { TrainingProgress } from '../../contracts/run.ts';
import { TRAINING_PROGRESS_SIGNAL } from '../../core/signal-names.ts';

/** What an activity may ask of Temporal; a stand-in outside of it, so that stages run in unit tests as they are. */
export interface RunningActivity {
  /** Aborted on cancellation and on the worker's shutdown. */
  readonly signal: AbortSignal;
  /** 1 for the first try. */
  readonly attempt: number;
  /** When the workflow scheduled it, ms since the epoch: the same for every try. Null outside of Temporal. */
  readonly scheduledMs: number | null;
  /** The workflow execution it belongs to; empty outside of Temporal. */
  readonly executionId: string;
  heartbeat(details: unknown): void;
  warn(message: string): void;
  /** Why `signal` was aborted: the run was cancelled, or only this worker goes. */
  abortReason(): 'cancelled' | 'worker-shutdown';
}

export function currentActivity(): RunningActivity {
  const context = contextOrNull();
  if (!context) {
    return {
      signal: new AbortController().signal,
      attempt: 1,
      scheduledMs: null,
      executionId: '',
      heartbeat: () => undefined,
      warn: () => undefined,
      abortReason: () => 'cancelled',
    };
  }
  // Every request under way listens for the end: dozens at once are no leak.
  setMaxListeners(0, context.cancellationSignal);
  return {
    signal: context.cancellationSignal,
    attempt: context.info.attempt,
    scheduledMs: context.info.scheduledTimestampMs,
    executionId: context.info.workflowExecution?.runId ?? '',
    heartbeat: (details) => {
      lastDetails.set(context, details);
      context.heartbeat(details);
    },
    warn: (message) => {
      context.log.warn(message);
    },
    abortReason: () => (context.cancellationDetails?.workerShutdown === true ? 'worker-shutdown' : 'cancelled'),
  };
}

/** What each running activity said last. */
const lastDetails = new WeakMap<Context, unknown>();

/**
 * Says again what the running activity said last, every few seconds until the returned function is called: the server then
 * hears of a killed worker by the silence, within the heartbeat's timeout, and not after the activity's whole time.
 */
export function keepBeating(everyMs = 5_000): () => void {
  const context = contextOrNull();
  if (!context) return () => undefined;
  const timer = setInterval(() => {
    context.heartbeat(lastDetails.get(context));
  }, everyMs);
  return () => {
    clearInterval(timer);
  };
}

/** Sends training progress to the workflow that this activity belongs to; a failure to tell costs nothing. */
export function tellWorkflow(activity: RunningActivity, progress: TrainingProgress): void {
  const context = contextOrNull();
  const execution = context?.info.workflowExecution;
  if (!context || !execution) return;
  const deliver = async (): Promise<void> => {
    const handle = context.client.workflow.getHandle(execution.workflowId, execution.runId);
    await handle.signal(TRAINING_PROGRESS_SIGNAL, progress);
  };
  deliver().catch((error: unknown) => {
    activity.warn(`progress was not delivered: ${String(error)}`);
  });
}

function contextOrNull(): Context | null {
  try {
    return Context.current();
  } catch {
    return null;
  }
}
