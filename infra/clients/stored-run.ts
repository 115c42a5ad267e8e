import { AttemptRecord, CheckpointManifest, RunRecord, RunReport } from '../../contracts/run.ts';
import type { RunId } from '../../core/ids.ts';
import { isRunId } from '../../core/ids.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';

/** One claim on a run's training, with what it cost: steps that the attempt before had done and this one did again. */
export interface AttemptView extends AttemptRecord {
  readonly redoneSteps: number;
}

export interface CheckpointView {
  readonly step: number;
  readonly epoch: number;
  readonly attempt: number;
  readonly createdAt: string;
  readonly isBest: boolean;
  readonly sizeBytes: number;
}

/** What storage alone tells of a run; it outlives Temporal's retention. */
export interface StoredRun {
  readonly record: RunRecord | null;
  readonly report: RunReport | null;
  readonly attempts: readonly AttemptView[];
  /** By step, the oldest first. */
  readonly checkpoints: readonly CheckpointView[];
}

const folder = (runId: string): string => `runs/${runId}/`;

/** Reads everything small that lies under `runs/<runId>/`; what does not parse is passed over. */
export async function readStoredRun(store: ObjectStore, runId: RunId): Promise<StoredRun> {
  const attempts: AttemptRecord[] = [];
  const checkpoints: CheckpointView[] = [];
  for await (const { key } of store.list(folder(runId))) {
    if (/\/attempts\/[^/]+\.json$/.test(key)) {
      const attempt = await readJson(store, key, AttemptRecord);
      if (attempt) attempts.push(attempt);
    } else if (/\/checkpoints\/[^/]+\/manifest\.json$/.test(key)) {
      const manifest = await readJson(store, key, CheckpointManifest);
      if (manifest) checkpoints.push(checkpointView(manifest));
    }
  }
  attempts.sort((a, b) => a.attempt - b.attempt);
  checkpoints.sort((a, b) => a.step - b.step || a.attempt - b.attempt);
  const [record, report] = await Promise.all([readRunRecord(store, runId), readRunReport(store, runId)]);
  return { record, report, attempts: attempts.map(attemptView), checkpoints };
}

export const readRunRecord = (store: ObjectStore, runId: RunId): Promise<RunRecord | null> =>
  readJson(store, `${folder(runId)}run.json`, RunRecord);

export const readRunReport = (store: ObjectStore, runId: RunId): Promise<RunReport | null> =>
  readJson(store, `${folder(runId)}report.json`, RunReport);

/** Ids of stored runs that start with `prefix`. */
export async function listStoredRuns(store: ObjectStore, prefix: string): Promise<RunId[]> {
  const found: RunId[] = [];
  for await (const { key } of store.list(`runs/${prefix}`)) {
    const id = /^runs\/([^/]+)\/run\.json$/.exec(key)?.[1];
    if (id !== undefined && isRunId(id)) found.push(id);
  }
  return found;
}

function attemptView(record: AttemptRecord): AttemptView {
  const { reachedStep, resumedFromStep } = record;
  return { ...record, redoneSteps: reachedStep === null ? 0 : Math.max(0, reachedStep - resumedFromStep) };
}

function checkpointView({ counters, attempt, createdAt, isBest, tensors }: CheckpointManifest): CheckpointView {
  const { step, epoch } = counters;
  return { step, epoch, attempt, createdAt, isBest, sizeBytes: tensors.sizeBytes };
}
