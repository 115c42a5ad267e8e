import type { RunStatus } from '../../../contracts/run.ts';
import type { RunRow, Runs } from '../../../contracts/web.ts';
import type { RunInfo } from '../../../infra/clients/runs-client.ts';

export interface RunIndexOptions {
  /** Runs that began or ended since then; all where null. */
  readonly scan: (since: Date | null) => Promise<readonly RunInfo[]>;
  readonly nowMs: () => number;
}

export interface RunFilter {
  readonly status?: RunStatus | undefined;
  readonly search?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** A list is no older than this. */
const FRESH_MS = 1_000;
/** Temporal's lists lag behind by a moment. */
const OVERLAP_MS = 30_000;

/**
 * All runs that Temporal knows, by start, in memory: read whole once, and from then on only what has changed. Ten
 * thousand of them are filtered and paged without asking Temporal again.
 */
export class RunIndex {
  private readonly options: RunIndexOptions;
  private readonly byId = new Map<string, RunInfo>();
  private sorted: readonly RunInfo[] = [];
  private scannedMs: number | null = null;
  private scanning: Promise<void> | null = null;

  constructor(options: RunIndexOptions) {
    this.options = options;
  }

  /** The newest first. Throws what the scan fails with. */
  async all(): Promise<readonly RunInfo[]> {
    const fresh = this.scannedMs !== null && this.options.nowMs() - this.scannedMs < FRESH_MS;
    if (!fresh) {
      this.scanning ??= this.refresh().finally(() => (this.scanning = null));
      await this.scanning;
    }
    return this.sorted;
  }

  async page({ status, search, cursor, limit }: RunFilter): Promise<Runs> {
    const wanted = search?.trim().toLowerCase() ?? '';
    const found = (await this.all()).filter(
      (run) =>
        (status === undefined || run.status === status) &&
        (wanted === '' || `${run.runId} ${run.requestedBy ?? ''}`.toLowerCase().includes(wanted)),
    );
    // The cursor is the last row seen: rows that come in above it move nothing.
    const after = cursor === undefined ? 0 : found.findIndex((run) => isAfter(run, cursor));
    const runs = after === -1 ? [] : found.slice(after, after + limit);
    const last = runs.at(-1);
    const more = last !== undefined && found.at(-1) !== last;
    return { runs: runs.map(runRow), total: found.length, cursor: more ? cursorOf(last) : null };
  }

  private async refresh(): Promise<void> {
    const startedMs = this.options.nowMs();
    const since = this.scannedMs === null ? null : new Date(this.scannedMs - OVERLAP_MS);
    for (const run of await this.options.scan(since)) {
      const known = this.byId.get(run.runId);
      // A resumed run has several executions under one id: the last one is the run.
      if (!known || known.startedAt <= run.startedAt) this.byId.set(run.runId, run);
    }
    this.sorted = [...this.byId.values()].sort(newestFirst);
    this.scannedMs = startedMs;
  }
}

const cursorOf = ({ startedAt, runId }: RunInfo): string => `${startedAt.getTime()}.${runId}`;

function newestFirst(a: RunInfo, b: RunInfo): number {
  return b.startedAt.getTime() - a.startedAt.getTime() || (a.runId < b.runId ? -1 : 1);
}

function isAfter({ startedAt, runId }: RunInfo, cursor: string): boolean {
  const [time = '', id = ''] = cursor.split('.');
  const ms = startedAt.getTime();
  return ms < Number(time) || (ms === Number(time) && runId > id);
}

export function runRow({ startedAt, endedAt, ...rest }: RunInfo): RunRow {
  return { ...rest, startedAt: startedAt.toISOString(), endedAt: endedAt?.toISOString() ?? null };
}
