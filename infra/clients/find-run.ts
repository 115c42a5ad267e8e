import { inputError } from '../../core/errors.ts';
import { isRunId } from '../../core/ids.ts';
import type { RunId } from '../../core/ids.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { nearest } from '../pipeline-file/suggest.ts';
import type { RunInfo, RunsClient } from './runs-client.ts';
import { listStoredRuns } from './stored-run.ts';

export interface FoundRun {
  readonly runId: RunId;
  /** Null where only storage remembers it: Temporal forgets closed runs after its retention time. */
  readonly info: RunInfo | null;
}

/** How many candidates an error lists. */
const LISTED = 5;

/**
 * The run that was meant: an id, the unambiguous beginning of one, or `latest`.
 * Throws RUN_NOT_FOUND (with near matches) and RUN_AMBIGUOUS, both `input`.
 */
export async function findRun(text: string, runs: RunsClient, store: ObjectStore): Promise<FoundRun> {
  if (text === 'latest') return latest(runs);
  if (!isRunId(text)) throw await notFound(text, runs);
  const exact = await runs.describe(text);
  if (exact) return { runId: text, info: exact };
  const known = await runs.list(LISTED + 1, text);
  const stored = await listStoredRuns(store, text);
  if (stored.includes(text)) return { runId: text, info: null };
  const ids = [...new Set([...known.map(({ runId }) => runId), ...stored])];
  const [only] = ids;
  if (only === undefined) throw await notFound(text, runs);
  if (ids.length > 1) {
    const candidates = ids.slice(0, LISTED).join(', ') + (ids.length > LISTED ? ' …' : '');
    throw inputError(
      'RUN_AMBIGUOUS',
      text,
      `${ids.length} runs start so: ${candidates}`,
      'one run',
      'write more of it',
    );
  }
  return { runId: only, info: known.find(({ runId }) => runId === only) ?? null };
}

async function latest(runs: RunsClient): Promise<FoundRun> {
  const [info] = await runs.list(1, '', 'without-trials');
  if (info) return { runId: info.runId, info };
  throw inputError('RUN_NOT_FOUND', 'latest', 'there is no run yet', undefined, 'start one: graft run FILE');
}

async function notFound(text: string, runs: RunsClient) {
  const recent = (await runs.list(200)).map(({ runId }) => runId);
  const near = nearest(text, recent) ?? recent.find((id) => id.includes(text.slice(0, 8)));
  const remedy = near === undefined ? 'graft runs list shows them' : `did you mean ${near}?`;
  return inputError('RUN_NOT_FOUND', text.slice(0, 120), 'no such run', 'an id, its beginning, or latest', remedy);
}
