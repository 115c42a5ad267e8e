import type { RetrainInput, RunRecord, RunReport } from '../../contracts/run.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import type { TrainPorts } from '../ports.ts';

export type RunRecordPorts = Pick<TrainPorts, 'store' | 'clock' | 'graftVersion'>;

export const runRecordKey = (runId: string): string => `runs/${runId}/run.json`;
export const runReportKey = (runId: string): string => `runs/${runId}/report.json`;

/** Keeps what a run was asked for and what came of it beside its checkpoints, so that storage alone tells its story. */
export function createRunActivities(ports: RunRecordPorts) {
  return {
    /** Written once; a resumed run finds its own. */
    openRun: atActivityEdge(async ({ runId, config, requestedBy }: RetrainInput): Promise<void> => {
      const record: RunRecord = {
        kind: 'graft.run/1',
        runId,
        createdAt: new Date(ports.clock.nowMs()).toISOString(),
        requestedBy,
        graftVersion: ports.graftVersion,
        config,
      };
      await ports.store.putIfAbsent(runRecordKey(runId), json(record), { contentType: 'application/json' });
    }),

    closeRun: atActivityEdge(async (report: RunReport): Promise<void> => {
      await ports.store.put(runReportKey(report.runId), json(report), { contentType: 'application/json' });
    }),
  };
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
