import { randomUUID } from 'node:crypto';
import { AttemptRecord } from '../../contracts/run.ts';
import type { RunId } from '../../core/ids.ts';
import { failedError, transientError } from '../../core/errors.ts';
import type { Clock } from '../../infra/ports/clock.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { parseAs, readJson } from '../lib/json-object.ts';

const attemptsPrefix = (runId: RunId): string => `runs/${runId}/attempts/`;
const attemptKey = (runId: RunId, attempt: number): string =>
  `${attemptsPrefix(runId)}${String(attempt).padStart(6, '0')}.json`;

/** Attempts that get no further than the one before, one after the other, until the run is given up. */
const HOPELESS_ATTEMPTS = 5;

/** All attempts of a run that can be read, oldest first. */
export async function listAttempts(store: ObjectStore, runId: RunId): Promise<AttemptRecord[]> {
  const attempts: AttemptRecord[] = [];
  for await (const { key } of store.list(attemptsPrefix(runId))) {
    const found = await readJson(store, key, parseAs(AttemptRecord));
    if (found.ok && found.value) attempts.push(found.value.value);
  }
  return attempts.sort((a, b) => a.attempt - b.attempt);
}

/**
 * Claims the next attempt number of a run with `If-None-Match: *`: two workers that believe the training is theirs get
 * two numbers, and the lower one is fenced off from writing checkpoints. TRAIN_HOPELESS after five attempts in a row of
 * one execution that finished no step: `reachedStep` is what the attempt before this one left behind.
 */
export async function claimAttempt(
  ports: { readonly store: ObjectStore; readonly clock: Clock; readonly host: string },
  runId: RunId,
  at: { readonly resumedFromStep: number; readonly reachedStep: number | null; readonly executionId?: string },
): Promise<AttemptRecord> {
  const earlier = await listAttempts(ports.store, runId);
  refuseHopeless(earlier, runId, at);
  let attempt = (earlier.at(-1)?.attempt ?? 0) + 1;
  for (let tries = 0; tries < 100; tries++, attempt++) {
    const record: AttemptRecord = {
      kind: 'graft.attempt/1',
      attempt,
      startedAt: new Date(ports.clock.nowMs()).toISOString(),
      host: ports.host,
      // The store takes equal bytes for a repeated write: two claims of one millisecond must differ.
      claimId: randomUUID(),
      ...at,
    };
    const body = new TextEncoder().encode(JSON.stringify(record));
    const put = await ports.store.putIfAbsent(attemptKey(runId, attempt), body, { contentType: 'application/json' });
    if (put.kind === 'written') return record;
  }
  throw transientError('ATTEMPT_RACE', `run ${runId}`, '100 attempt numbers were taken by others', 'one worker a run');
}

/** STALE_ATTEMPT where a later attempt has claimed the run: this one lost its heartbeat and must not write any more. */
export async function refuseStale(store: ObjectStore, runId: RunId, attempt: number): Promise<void> {
  if ((await store.head(attemptKey(runId, attempt + 1))) === null) return;
  throw failedError(
    'STALE_ATTEMPT',
    `run ${runId}`,
    `attempt ${attempt} was replaced by a later one`,
    'the newest attempt',
  );
}

function refuseHopeless(
  earlier: readonly AttemptRecord[],
  runId: RunId,
  {
    resumedFromStep: step,
    reachedStep,
    executionId,
  }: Pick<AttemptRecord, 'resumedFromStep' | 'reachedStep' | 'executionId'>,
): void {
  const recent = earlier.slice(-HOPELESS_ATTEMPTS);
  // How far an attempt got is known to the one after it.
  const reached = [...recent.slice(1).map((record) => record.reachedStep), reachedStep];
  const stuck = recent.every((record, index) => {
    const end = reached[index] ?? null;
    return record.executionId === executionId && record.resumedFromStep === step && end !== null && end <= step;
  });
  if (recent.length < HOPELESS_ATTEMPTS || !stuck) return;
  throw failedError(
    'TRAIN_HOPELESS',
    `run ${runId}, step ${step}`,
    `${HOPELESS_ATTEMPTS} attempts in a row died before they finished a step`,
    'an attempt that gets further',
    'see the worker’s log; a smaller train.batchSize needs less memory; then graft runs resume',
  );
}
