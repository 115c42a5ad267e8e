import type { SweepAxis, Sweep } from '../../../contracts/web.ts';
import { SweepRecord, SweepReport } from '../../../contracts/sweep.ts';
import type { RunId } from '../../../core/ids.ts';
import { importanceOf } from '../../../core/search/importance.ts';
import type { Parameter, Space } from '../../../core/search/space.ts';
import type { Trial } from '../../../core/search/trials.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { notFound } from '../../../infra/clients/sweeps-client.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { isTemporalAway } from '../../../infra/temporal/faults.ts';
import type { Backend } from '../backend.ts';

/** How a sweep stands, from its workflow; from the store where Temporal has forgotten it or nobody answers. */
export async function readSweep({ store, clients }: Backend, sweepId: RunId): Promise<Sweep> {
  try {
    const { sweeps } = await clients();
    return await sweepView(store, await sweeps.report(sweepId));
  } catch (error) {
    const stored = isTemporalAway(error) ? null : await readJson(store, `sweeps/${sweepId}/report.json`, SweepReport);
    if (stored) return sweepView(store, stored);
    throw error;
  }
}

export async function sweepView(store: ObjectStore, report: SweepReport): Promise<Sweep> {
  const record = await readJson(store, `sweeps/${report.sweepId}/sweep.json`, SweepRecord);
  if (!record) throw notFound(report.sweepId);
  const { space, method } = record.input.state.search;
  return {
    report,
    method: method.kind,
    axes: space.parameters.map(axisOf),
    importance: importance(report, space),
    rungs: report.trials.flatMap(({ trial, epochs, metric }) =>
      metric === null ? [] : [{ trial, epoch: epochs, metric }],
    ),
    paused: report.status === 'paused',
  };
}

function axisOf({ name, domain }: Parameter): SweepAxis {
  if (domain.kind === 'choice') {
    return { name, scale: 'category', range: null, choices: domain.options.map((option) => JSON.stringify(option)) };
  }
  return { name, scale: domain.log ? 'log' : 'linear', range: [domain.low, domain.high], choices: null };
}

function importance(report: SweepReport, space: Space): Sweep['importance'] {
  const trials = report.trials.flatMap(({ trial, values, metrics, epochs }): Trial[] => {
    if (metrics.length === 0) return [];
    const reports = [{ epoch: epochs, values: metrics }];
    return [{ id: trial, values, state: 'done', epoch: epochs, target: epochs, reports }];
  });
  return importanceOf(trials, report.objectives, space)?.map((each) => ({ ...each })) ?? null;
}
