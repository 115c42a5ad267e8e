import type { RunReport } from '../../contracts/run.ts';
import type { Output } from '../output.ts';
import type { FoundRun } from '../../infra/clients/find-run.ts';
import { isUnderWay } from '../../infra/clients/runs-client.ts';
import { RunView, showReport, stageLine } from './run-view.ts';
import type { Services } from './services.ts';
import { readStoredRun } from '../../infra/clients/stored-run.ts';
import type { StoredRun } from '../../infra/clients/stored-run.ts';
import { duration, moment, sizeOf } from './units.ts';

/** `graft runs show`: what Temporal and storage know of a run, put together. */
export async function showRun({ runs, store }: Services, { runId, info }: FoundRun, output: Output): Promise<void> {
  const stored = await readStoredRun(store, runId);
  const running = isUnderWay(info?.status);
  const seen = running ? await runs.observe(runId) : null;
  const status = info?.status ?? stored.report?.status ?? 'unknown';
  const report: RunReport | null = running ? null : stored.report;
  const stages = seen?.progress?.stages ?? report?.stages ?? [];
  output.say(`run ${runId}: ${status}`);
  if (info) {
    const seconds = ((info.endedAt ?? new Date()).getTime() - info.startedAt.getTime()) / 1000;
    output.say(`started ${moment(info.startedAt)}, ${running ? 'for' : 'took'} ${duration(seconds)}`);
  }
  if (stored.record) output.say(`asked for by ${stored.record.requestedBy}, graft ${stored.record.graftVersion}`);
  for (const stage of stages) output.say(stageLine(stage));
  if (seen?.progress) {
    const view = new RunView(output, false);
    view.update({ ...seen, progress: { ...seen.progress, stages: [] } });
    view.end([]);
  }
  if (report) showReport(report, output);
  showTraining(stored, output);
  const { attempts, checkpoints, record } = stored;
  output.result({
    runId,
    status,
    weightsSha256: report?.weightsSha256 ?? null,
    metrics: report?.metrics ?? null,
    newest: report?.newest ?? null,
    model: report?.model ?? null,
    gate: report?.gate ?? [],
    dataset: report?.dataset ?? null,
    findings: report?.findings ?? [],
    stages,
    training: seen?.progress?.training ?? null,
    estimate: report?.estimate ?? null,
    settled: report?.settled ?? null,
    approval: seen?.progress?.approval ?? report?.approval ?? null,
    createdAt: record?.createdAt ?? null,
    requestedBy: record?.requestedBy ?? null,
    config: record?.config ?? null,
    attempts: attempts.map((attempt) => ({ ...attempt })),
    checkpoints: checkpoints.map((checkpoint) => ({ ...checkpoint })),
  });
}

function showTraining({ attempts, checkpoints }: StoredRun, output: Output): void {
  if (attempts.length > 0) {
    output.table(
      ['attempt', 'started', 'host', 'from step', 'steps done again'],
      attempts.map(({ attempt, startedAt, host, resumedFromStep, redoneSteps }) => [
        attempt,
        moment(new Date(startedAt)),
        host,
        resumedFromStep,
        redoneSteps,
      ]),
    );
  }
  if (checkpoints.length > 0) {
    output.table(
      ['checkpoint', 'epoch', 'attempt', 'size', 'written', ''],
      checkpoints.map(({ step, epoch, attempt, sizeBytes, createdAt, isBest }) => [
        `step ${step}`,
        epoch,
        attempt,
        sizeOf(sizeBytes),
        moment(new Date(createdAt)),
        isBest ? 'best' : '',
      ]),
    );
  }
}
