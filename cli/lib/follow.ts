import { transientError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { RunReport } from '../../contracts/run.ts';
import { isTemporalAway } from '../../infra/temporal/faults.ts';
import { noWorkerText } from '../../infra/clients/no-worker.ts';
import { cancelledError, explainFailure } from '../../infra/clients/run-failure.ts';
import type { RunView } from './run-view.ts';
import type { RunsClient } from '../../infra/clients/runs-client.ts';

export type FollowEnd =
  | { readonly kind: 'completed'; readonly report: RunReport }
  /** Failed or cancelled; the report is null where none could be had. */
  | { readonly kind: 'ended'; readonly report: RunReport | null; readonly error: GraftError }
  /** The person left; the run goes on. */
  | { readonly kind: 'detached' };

export interface FollowOptions {
  readonly runs: RunsClient;
  readonly runId: RunId;
  readonly view: RunView;
  /** Resolves when the person wants to leave. */
  readonly interrupted: Promise<'interrupted'>;
  /** Where the report of a failed run can be read. */
  readonly readReport: (runId: RunId) => Promise<RunReport | null>;
  readonly pause?: (ms: number) => Promise<void>;
  readonly nowMs?: () => number;
}

const EVERY_MS = 1_000;
/** How long nobody may work on the run before that is said, and how often it is looked at again. */
const WORKER_GRACE_MS = 5_000;
const WORKER_RECHECK_MS = 20_000;
/** Temporal may be restarted under a run; the run goes on, and so does whoever watches it. */
const AWAY_LIMIT_MS = 15 * 60_000;

/** Watches a run to its end, or until the person leaves. Throws only what keeps it from watching. */
export async function follow(options: FollowOptions): Promise<FollowEnd> {
  const { runs, runId, view, interrupted, readReport } = options;
  const watcher = new Watcher(options);
  const over: Promise<FollowEnd> = watcher.result().then(
    (report): FollowEnd =>
      report.status === 'cancelled'
        ? { kind: 'ended', report, error: cancelledError(runId) }
        : { kind: 'completed', report },
    async (error: unknown): Promise<FollowEnd> => {
      if (isTemporalAway(error)) throw error;
      return { kind: 'ended', report: await readReport(runId), error: explainFailure(error, runId) };
    },
  );
  const left = interrupted.then((): FollowEnd => ({ kind: 'detached' }));
  // Its failure is taken up by the race below; until then nobody listens.
  over.catch(() => undefined);
  const end = await Promise.race([over, left, watcher.watch()]);
  watcher.stop();
  if (end.kind !== 'detached') view.end(end.report?.stages ?? (await lastStages(runs, runId)));
  else view.end([]);
  return end;
}

async function lastStages(runs: RunsClient, runId: RunId) {
  const { progress } = await runs.observe(runId).catch(() => ({ progress: null }));
  return progress?.stages ?? [];
}

class Watcher {
  private readonly options: FollowOptions;
  private readonly nowMs: () => number;
  private readonly pause: (ms: number) => Promise<void>;
  private stopped = false;
  private contactMs: number;
  private away = false;
  private workMs: number;
  private checkedMs = -Infinity;
  private missing = '';

  constructor(options: FollowOptions) {
    this.options = options;
    this.nowMs = options.nowMs ?? Date.now;
    this.pause = options.pause ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.contactMs = this.nowMs();
    this.workMs = this.nowMs();
  }

  stop(): void {
    this.stopped = true;
  }

  /** The run's result, through times in which Temporal is away. */
  async result(): Promise<RunReport> {
    for (;;) {
      try {
        return await this.options.runs.result(this.options.runId);
      } catch (error) {
        if (this.stopped || !isTemporalAway(error)) throw error;
        this.lost(error);
        await this.pause(EVERY_MS);
      }
    }
  }

  /** Shows what is seen once a second, for as long as the run lasts. Never resolves; rejects when contact is lost for good. */
  async watch(): Promise<never> {
    const { runs, runId, view } = this.options;
    for (;;) {
      try {
        const seen = await runs.observe(runId);
        if (this.stopped) return await new Promise<never>(() => undefined);
        this.found();
        view.update(seen);
        const working = seen.pending.some(({ started }) => started);
        if (working) this.workMs = this.nowMs();
        else await this.lookForWorkers();
      } catch (error) {
        if (!isTemporalAway(error)) throw error;
        this.lost(error);
      }
      await this.pause(EVERY_MS);
      if (this.stopped) return await new Promise<never>(() => undefined);
    }
  }

  private lost(error: unknown): void {
    const silentMs = this.nowMs() - this.contactMs;
    if (silentMs > AWAY_LIMIT_MS) throw contactLost(this.options.runId, error);
    if (this.away || silentMs < EVERY_MS) return;
    this.away = true;
    this.options.view.note('Temporal does not answer; the run itself goes on — trying again, Ctrl-C leaves');
  }

  private found(): void {
    if (this.away) this.options.view.note('Temporal answers again');
    this.away = false;
    this.contactMs = this.nowMs();
  }

  private async lookForWorkers(): Promise<void> {
    const now = this.nowMs();
    if (now - this.workMs < WORKER_GRACE_MS || now - this.checkedMs < WORKER_RECHECK_MS) return;
    this.checkedMs = now;
    const roles = await this.options.runs.unpolled();
    const text = roles.length === 0 ? '' : noWorkerText(roles);
    if (text !== this.missing && text !== '') this.options.view.note(text);
    this.missing = text;
  }
}

function contactLost(runId: string, cause: unknown): GraftError {
  const seen = `no contact for ${AWAY_LIMIT_MS / 60_000} minutes`;
  const remedy = `the run itself may go on: graft runs watch ${runId}`;
  return transientError('TEMPORAL_UNREACHABLE', `run ${runId}`, seen, 'an answer from Temporal', remedy, cause);
}
