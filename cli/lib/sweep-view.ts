import { setTimeout as sleep } from 'node:timers/promises';
import type { SweepReport, TrialReport } from '../../contracts/sweep.ts';
import type { RunId } from '../../core/ids.ts';
import { GraftError } from '../../core/errors.ts';
import { isTemporalAway } from '../../infra/temporal/faults.ts';
import { exitCode } from '../output.ts';
import type { Output } from '../output.ts';
import { listenForInterrupt } from './interrupt.ts';
import { explainFailure } from '../../infra/clients/run-failure.ts';
import type { SweepsClient } from '../../infra/clients/sweeps-client.ts';
import { duration, figure, plural } from './units.ts';

/** `train.optimizer.learningRate=0.003` with the shortest name that tells. */
export function valuesText(values: TrialReport['values']): string {
  const short = (value: unknown): string =>
    typeof value === 'number'
      ? String(Number(value.toPrecision(4)))
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return Object.entries(values)
    .map(([name, value]) => `${name.split('.').slice(-2).join('.')}=${short(value)}`)
    .join(' ');
}

export function showSweep(report: SweepReport, output: Output): void {
  const metric = report.objectives[0]?.metric ?? 'metric';
  const rows = report.trials.map((trial) => [
    trial.trial,
    trial.state,
    trial.metric === null ? null : figure(trial.metric),
    trial.epochs,
    duration(trial.seconds),
    trial.reason === null ? valuesText(trial.values) : `${valuesText(trial.values)} — ${trial.reason.slice(0, 80)}`,
  ]);
  output.table(['trial', 'state', metric, 'epochs', 'trained', 'values'], rows);
  const { best, promotion } = report;
  if (best) output.say(`best: trial ${best.trial}, ${metric} ${figure(best.metric)}: ${valuesText(best.values)}`);
  if (report.pareto.length > 1) output.say(`Pareto front: trials ${report.pareto.join(', ')}`);
  if (promotion?.model) {
    const { name, version, promoted, alias } = promotion.model;
    output.say(`${name} version ${version ?? '–'}: ${promoted ? `promoted to ${alias}` : 'not promoted'}`);
  }
}

/** Watches a sweep to its end on behalf of a command: shows trials as they end, prints the report. */
export async function followSweep(sweeps: SweepsClient, sweepId: RunId, output: Output): Promise<void> {
  const interrupt = listenForInterrupt();
  const stop = new AbortController();
  try {
    const over = sweeps.result(sweepId).then(
      (report) => ({ kind: 'over', report }) as const,
      (error: unknown) => ({ kind: 'failed', error }) as const,
    );
    const left = interrupt.asked.then(() => ({ kind: 'left' }) as const);
    void watch(sweeps, sweepId, output, stop.signal);
    const end = await Promise.race([over, left]);
    stop.abort();
    if (end.kind === 'left') {
      output.warn(
        `${sweepId} goes on without this window: graft sweeps watch ${sweepId}, or graft sweeps cancel ${sweepId}`,
      );
      process.exitCode = exitCode.cancelled;
      return;
    }
    if (end.kind === 'failed') throw isTemporalAway(end.error) ? end.error : explainFailure(end.error, sweepId);
    output.say('');
    showSweep(end.report, output);
    output.result(end.report);
    if (end.report.status === 'cancelled') throw cancelled(sweepId);
  } finally {
    interrupt.dispose();
  }
}

function cancelled(sweepId: string): GraftError {
  return new GraftError('SWEEP_CANCELLED', {
    kind: 'cancelled',
    where: `sweep ${sweepId}`,
    seen: 'stopped on request',
  });
}

/** A line for each trial that comes to rest. */
async function watch(sweeps: SweepsClient, sweepId: RunId, output: Output, signal: AbortSignal): Promise<void> {
  const said = new Map<number, string>();
  let last = '';
  while (!signal.aborted) {
    const report = await sweeps.report(sweepId).catch(() => null);
    for (const trial of report?.trials ?? []) {
      const key = `${trial.state} ${trial.epochs}`;
      if (trial.state === 'running' || said.get(trial.trial) === key || signal.aborted) continue;
      said.set(trial.trial, key);
      const metric = trial.metric === null ? '' : ` ${figure(trial.metric)}`;
      output.say(
        `trial ${trial.trial} ${trial.state} at ${plural(trial.epochs, 'epoch')}${metric} — ${valuesText(trial.values)}`,
      );
    }
    const status = report?.status ?? last;
    if (status !== last && last !== '') output.say(`the sweep is ${status}`);
    last = status;
    await sleep(1000, undefined, { signal }).catch(() => undefined);
  }
}
