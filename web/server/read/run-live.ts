import { z } from 'zod';
import { StageName } from '../../../contracts/manifests.ts';
import { TrainingProgress } from '../../../contracts/run.ts';
import type { RunProgress, RunReport, RunStatus, StageSummary } from '../../../contracts/run.ts';
import type { RunLive, StageView } from '../../../contracts/web.ts';
import type { RunId } from '../../../core/ids.ts';
import { newestTraining, stageOf } from '../../../infra/clients/observation.ts';
import { isUnderWay } from '../../../infra/clients/runs-client.ts';
import type { Observation, PendingWork } from '../../../infra/clients/runs-client.ts';

/** A stage of those runs alone whose file says `auto` somewhere. */
const ONLY_IF_ASKED: StageName = 'advise';

const Amount = z.object({ done: z.number(), total: z.number() });

export interface SeenRun {
  readonly runId: RunId;
  readonly status: RunStatus;
  readonly observation: Observation | null;
  readonly report: RunReport | null;
  readonly error: RunLive['error'];
  readonly notice: string | null;
}

/** A run as the page draws it, from what Temporal and the store say. */
export function runLive({ runId, status, observation, report, error, notice }: SeenRun): RunLive {
  const progress = observation?.progress ?? null;
  const finished = report && report.stages.length > 0 ? report.stages : (progress?.stages ?? []);
  const work = observation?.pending.find(({ activity }) => stageOf[activity] !== undefined) ?? null;
  const training = newestTraining(TrainingProgress.safeParse(work?.heartbeat).data, progress?.training);
  const current = currentStage(status, finished, work, progress);
  const isThere = (name: StageName): boolean => name === current || finished.some((stage) => stage.name === name);
  const shown = StageName.options.filter((name) => name !== ONLY_IF_ASKED || isThere(name));
  const stages = shown.map((name): StageView => {
    const summary = finished.find((stage) => stage.name === name);
    if (summary) return finishedStage(summary);
    const empty = { name, seconds: null, summary: null, done: null, attempt: null, problem: null };
    if (name !== current) return { ...empty, state: isUnderWay(status) ? 'waiting' : 'skipped' };
    if (!isUnderWay(status)) return { ...empty, state: 'failed', problem: error?.message ?? null };
    const done = name === 'train' ? trainingDone(training) : amountDone(work);
    return { ...empty, state: 'running', done, attempt: work?.attempt ?? null, problem: work?.lastFailure ?? null };
  });
  const stuck = observation?.stuck ?? null;
  const said = stuck === null ? notice : `WORKFLOW_STUCK: the run’s own code fails — ${stuck} — see the worker’s log`;
  return { runId, status, stages, training, notice: said, error };
}

function currentStage(
  status: RunStatus,
  finished: readonly StageSummary[],
  work: PendingWork | null,
  progress: RunProgress | null,
): StageName | null {
  if (status === 'completed') return null;
  const known = progress?.stage ?? (work ? (stageOf[work.activity] ?? null) : null);
  if (known !== null) return known;
  // Where nothing says so, it is the one after the last that ended.
  const ahead = StageName.options.filter((name) => name !== ONLY_IF_ASKED);
  return ahead.find((name) => !finished.some((stage) => stage.name === name)) ?? null;
}

function finishedStage({ name, cached, seconds, summary }: StageSummary): StageView {
  const state = cached ? 'cached' : 'done';
  return { name, state, seconds, summary, done: 1, attempt: null, problem: null };
}

function trainingDone(training: TrainingProgress | null): number | null {
  if (!training) return null;
  if (training.phase === 'features') return training.featuresDone;
  return training.totalSteps === 0 ? null : training.step / training.totalSteps;
}

function amountDone(work: PendingWork | null): number | null {
  const amount = Amount.safeParse(work?.heartbeat);
  return amount.success && amount.data.total > 0 ? amount.data.done / amount.data.total : null;
}
