import type { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import type { RunReport } from '../../../contracts/run.ts';
import type { ApprovalRow, Run, RunAction, RunLive, RunRow } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';
import { isRunId } from '../../../core/ids.ts';
import type { RunId } from '../../../core/ids.ts';
import { noWorkerText } from '../../../infra/clients/no-worker.ts';
import { explainFailure } from '../../../infra/clients/run-failure.ts';
import { isUnderWay } from '../../../infra/clients/runs-client.ts';
import type { Observation, RunInfo, RunsClient } from '../../../infra/clients/runs-client.ts';
import { readRunReport, readStoredRun } from '../../../infra/clients/stored-run.ts';
import type { StoredRun } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { readApproval } from './approvals.ts';
import { runRow } from './run-index.ts';
import { runLive } from './run-live.ts';

export interface RunSources {
  readonly runs: RunsClient;
  readonly store: ObjectStore;
}

export function requireRunId(text: string | undefined): RunId {
  if (text !== undefined && isRunId(text)) return text;
  throw runNotFound(text ?? '');
}

export function runNotFound(text: string): GraftError {
  const remedy = 'graft runs list shows them';
  return inputError('RUN_NOT_FOUND', text.slice(0, 120), 'no such run', 'the id of a run', remedy);
}

/** All of a run, from Temporal and the store. Throws RUN_NOT_FOUND (404). */
export async function readRun(sources: RunSources, runId: RunId): Promise<Run> {
  const [info, stored] = await Promise.all([sources.runs.describe(runId), readStoredRun(sources.store, runId)]);
  if (!info && !stored.record && !stored.report) throw runNotFound(runId);
  const approval = await readApproval(sources, info);
  // A run that goes on after its end has a report from before.
  const report = isUnderWay(info?.status) ? null : stored.report;
  const row = info ? runRow(info) : storedRow(runId, stored);
  const live = info ? await liveOf(sources, info, report) : storedLive(runId, row.status, report);
  return {
    ...{ row, live, report, approval },
    config: stored.record?.config ?? null,
    graftVersion: stored.record?.graftVersion ?? null,
    checkpoints: stored.checkpoints.map((each) => ({ ...each })),
    attempts: stored.attempts.map(({ attempt, startedAt, host, resumedFromStep, redoneSteps }) => ({
      ...{ attempt, startedAt, host, resumedFromStep, redoneSteps },
    })),
    findings: report?.findings ?? [],
    gate: report?.gate ?? approval?.rules ?? [],
    actions: actionsOf(row, stored.record?.config ?? null, approval),
  };
}

/** What is live of a run that Temporal knows. */
export async function liveOf(
  { runs }: Pick<RunSources, 'runs'>,
  info: RunInfo,
  report: RunReport | null,
): Promise<RunLive> {
  const { runId, status } = info;
  const observation = isUnderWay(status) || !report ? await runs.observe(runId) : null;
  const notice = status === 'running' ? await noticeOf(runs, observation) : null;
  const error = status === 'failed' ? await failureOf(runs, runId) : null;
  return runLive({ runId, status, observation, report, error, notice });
}

/** Said where a run waits for a worker that is not there. */
export async function noticeOf(runs: RunsClient, observation: Observation | null): Promise<string | null> {
  if (observation?.pending.some(({ started }) => started) || observation?.progress) return null;
  const roles = await runs.unpolled();
  return roles.length === 0 ? null : noWorkerText(roles);
}

async function failureOf(runs: RunsClient, runId: RunId): Promise<RunLive['error']> {
  try {
    await runs.result(runId);
    return null;
  } catch (error) {
    const { code, message } = explainFailure(error, runId);
    return { code, message };
  }
}

function storedRow(runId: RunId, { record, report }: StoredRun): RunRow {
  return {
    runId,
    // Without a report it was cut off so long ago that Temporal has forgotten it.
    status: report?.status ?? 'failed',
    startedAt: record?.createdAt ?? new Date(0).toISOString(),
    endedAt: null,
    requestedBy: record?.requestedBy ?? null,
    accuracy: report?.metrics?.accuracy ?? null,
    version: report?.model?.version ?? null,
    promoted: report?.model?.promoted ?? false,
  };
}

function storedLive(runId: RunId, status: RunRow['status'], report: RunReport | null): RunLive {
  return runLive({
    runId,
    status,
    observation: null,
    report,
    error: null,
    notice: 'Temporal has forgotten this run; storage remembers it.',
  });
}

function actionsOf({ status }: RunRow, config: PipelineConfig | null, approval: ApprovalRow | null): RunAction[] {
  if (isUnderWay(status)) return ['cancel', ...(approval ? (['approve', 'reject'] as const) : [])];
  if (config === null) return [];
  return status === 'completed' ? ['extend'] : ['resume', 'extend'];
}

/** The report, for what only a run that has ended can show. */
export async function requireReport(store: ObjectStore, runId: RunId): Promise<RunReport> {
  const report = await readRunReport(store, runId);
  if (report) return report;
  const seen = 'it has not ended, or it is unknown';
  throw inputError(
    'RUN_NOT_EVALUATED',
    `run ${runId}`,
    seen,
    'a run that has come to its evaluation',
    'wait for its end',
  );
}
