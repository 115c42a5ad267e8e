import type { SweepInput, SweepRecord, SweepReport } from '../../contracts/sweep.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import type { TrainPorts } from '../ports.ts';

export type SweepRecordPorts = Pick<TrainPorts, 'store' | 'clock' | 'graftVersion'>;

export const sweepRecordKey = (sweepId: string): string => `sweeps/${sweepId}/sweep.json`;
export const sweepReportKey = (sweepId: string): string => `sweeps/${sweepId}/report.json`;

/** Keeps what a sweep was asked for and what it found, so that storage alone tells its story. */
export function createSweepActivities(ports: SweepRecordPorts) {
  return {
    /** Written once. */
    openSweep: atActivityEdge(async (input: SweepInput): Promise<void> => {
      const record: SweepRecord = {
        kind: 'graft.sweep/1',
        sweepId: input.sweepId,
        createdAt: new Date(ports.clock.nowMs()).toISOString(),
        graftVersion: ports.graftVersion,
        input,
      };
      await ports.store.putIfAbsent(sweepRecordKey(input.sweepId), json(record), { contentType: 'application/json' });
    }),

    /** At the end, and whenever an execution hands over to the next: what is known so far. */
    reportSweep: atActivityEdge(async (report: SweepReport): Promise<void> => {
      await ports.store.put(sweepReportKey(report.sweepId), json(report), { contentType: 'application/json' });
    }),
  };
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
