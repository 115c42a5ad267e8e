import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent, RunLive } from '../../../contracts/web.ts';
import type { RunProgress, TrainingProgress } from '../../../contracts/run.ts';
import { messageOf } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { newestTraining } from '../../../infra/clients/observation.ts';
import { isUnderWay } from '../../../infra/clients/runs-client.ts';
import type { Observation, RunsClient } from '../../../infra/clients/runs-client.ts';
import { readRunReport } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { runLive } from './run-live.ts';
import { metricsKey } from './run-metrics.ts';
import { liveOf, noticeOf, runNotFound } from './run-view.ts';

export interface FollowRunOptions {
  readonly runId: RunId;
  readonly runs: () => Promise<RunsClient>;
  readonly store: ObjectStore;
  readonly explain: (error: unknown) => unknown;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
}

/** How often Temporal is asked: heartbeats come as often. */
const EVERY_MS = 500;
/** The workflow itself is asked, and the log looked at, every so many looks: that costs a worker's time. */
const DEEP_EVERY = 4;

/** Events of a run until it has ended or nobody listens. What is away is told, and waited for. */
export async function* followRun(options: FollowRunOptions): AsyncGenerator<RunEvent> {
  const { signal, everyMs = EVERY_MS } = options;
  const seen: Seen = { training: null, etag: '', told: '', away: '' };
  const workflow = new AskedWorkflow(options);
  for (let look = 0; !signal.aborted; look++) {
    try {
      const isDeep = look % DEEP_EVERY === 0;
      const live = await lookAt(options, seen, workflow, isDeep);
      seen.away = '';
      if (isDeep) yield* metricsEvent(options, seen);
      if (!isUnderWay(live.status)) {
        yield* metricsEvent(options, seen);
        yield { kind: 'end', live };
        return;
      }
      const text = JSON.stringify(live);
      if (text !== seen.told) yield { kind: 'progress', live };
      seen.told = text;
    } catch (error) {
      const problem = messageOf(options.explain(error));
      if (problem.startsWith('RUN_NOT_FOUND')) throw error;
      if (problem !== seen.away) yield { kind: 'away', problem };
      seen.away = problem;
      seen.told = '';
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

interface Seen {
  training: TrainingProgress | null;
  etag: string;
  told: string;
  away: string;
}

async function lookAt(
  { runId, runs, store }: FollowRunOptions,
  seen: Seen,
  workflow: AskedWorkflow,
  isDeep: boolean,
): Promise<RunLive> {
  const client = await runs();
  const info = await client.describe(runId);
  if (!info || !isUnderWay(info.status)) {
    const report = await readRunReport(store, runId);
    if (info) return liveOf({ runs: client }, info, report);
    if (!report) throw runNotFound(runId);
    return runLive({ runId, status: report.status, observation: null, report, error: null, notice: null });
  }
  const observation = await client.observe(runId, { progress: false });
  const { progress, notice } = await workflow.said(client, observation, isDeep);
  const live = runLive({
    ...{ runId, status: info.status, report: null, error: null, notice },
    observation: { ...observation, progress },
  });
  // What the workflow tells of a training that is over is older than its last heartbeat.
  seen.training = newestTraining(seen.training ?? undefined, live.training);
  return { ...live, training: seen.training };
}

interface Said {
  readonly progress: RunProgress | null;
  readonly notice: string | null;
}

/**
 * What the workflow says of itself. A worker answers, which may have its hands full for seconds: it is asked beside the
 * looks, and at once where other work is pending than before, as what was training says nothing more then.
 */
class AskedWorkflow {
  private readonly runId: RunId;
  private answer: Said = { progress: null, notice: null };
  private asking: Promise<void> | null = null;
  /** What was pending when it was asked last. */
  private work: string | null = null;

  constructor({ runId }: Pick<FollowRunOptions, 'runId'>) {
    this.runId = runId;
  }

  /** The newest answer; asks anew where it is due. Waits for the first one alone. */
  async said(client: RunsClient, { pending }: Observation, isDue: boolean): Promise<Said> {
    const isFirst = this.work === null;
    const work = pending.map(({ activity, attempt }) => `${activity} ${attempt}`).join();
    if (this.asking === null && (isDue || work !== this.work)) {
      this.work = work;
      this.asking = this.ask(client)
        .catch(() => undefined)
        .finally(() => {
          this.asking = null;
        });
    }
    if (isFirst) await this.asking;
    return this.answer;
  }

  private async ask(client: RunsClient): Promise<void> {
    const observation = await client.observe(this.runId);
    const progress = observation.progress ?? this.answer.progress;
    this.answer = { progress, notice: await noticeOf(client, observation) };
  }
}

async function* metricsEvent({ store, runId }: FollowRunOptions, seen: Seen): AsyncGenerator<RunEvent> {
  const etag = (await store.head(metricsKey(runId)))?.etag ?? '';
  if (etag !== seen.etag) yield { kind: 'metrics', etag };
  seen.etag = etag;
}
