import { RunRecord } from '../../contracts/run.ts';
import type { RetrainInput, RunReport } from '../../contracts/run.ts';
import { hparamsOf } from '../../core/summaries/hparams.ts';
import type { SummaryEvent } from '../../core/summaries/summary.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { parseAs, readJson } from '../lib/json-object.ts';
import { putEvents } from '../lib/run-events.ts';
import { leaveReport } from './run-story.ts';
import type { TrainPorts } from '../ports.ts';

export type RunRecordPorts = Pick<TrainPorts, 'store' | 'clock' | 'graftVersion' | 'events'>;

export const runRecordKey = (runId: string): string => `runs/${runId}/run.json`;
export const runReportKey = (runId: string): string => `runs/${runId}/report.json`;

/** Keeps what a run was asked for and what came of it beside its checkpoints, so that storage alone tells its story. */
export function createRunActivities(ports: RunRecordPorts) {
  return {
    /** Written once; a resumed run finds its own. */
    openRun: atActivityEdge(async ({ runId, config, requestedBy, gateOnly }: RetrainInput): Promise<void> => {
      const record: RunRecord = {
        kind: 'graft.run/1',
        runId,
        createdAt: new Date(ports.clock.nowMs()).toISOString(),
        requestedBy,
        graftVersion: ports.graftVersion,
        config,
        ...(gateOnly ? { gateOnly } : {}),
      };
      await ports.store.putIfAbsent(runRecordKey(runId), json(record), { contentType: 'application/json' });
      const found = await readJson(ports.store, runRecordKey(runId), parseAs(RunRecord));
      const first = (found.ok ? found.value?.value : null) ?? record;
      await putEvents(ports, runId, { side: null, part: 1 }, [startEvent(first)]);
    }),

    closeRun: atActivityEdge(async (report: RunReport): Promise<void> => {
      const { runId, status } = report;
      await ports.store.put(runReportKey(runId), json(report), { contentType: 'application/json' });
      const endedMs = ports.clock.nowMs();
      const end = { kind: 'hparams-end', status: status === 'completed' ? 'success' : 'failure', endedMs } as const;
      await putEvents(ports, runId, { side: null, part: 2 }, [{ step: 0, timeMs: endedMs, summaries: [end] }]);
      // A trial is told of by its sweep.
      if (report.training === undefined) await leaveReport(ports, report);
    }),
  };
}

/** For TensorBoard: the hyperparameters, and the whole configuration to read. */
function startEvent({ runId, config, createdAt }: RunRecord): SummaryEvent {
  const startedMs = Date.parse(createdAt);
  // Indented by four: Markdown's way to show text as it stands.
  const text = JSON.stringify(config, null, 2).replaceAll(/^/gm, '    ');
  return {
    step: 0,
    timeMs: startedMs,
    summaries: [
      { kind: 'hparams-start', group: runId, startedMs, values: hparamsOf(config) },
      { kind: 'text', tag: 'configuration', text },
    ],
  };
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
