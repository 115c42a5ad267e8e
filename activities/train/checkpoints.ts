import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef } from '../../contracts/manifests.ts';
import { CheckpointManifest } from '../../contracts/run.ts';
import { TrainCounters } from '../../contracts/run.ts';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { checkpointName, expendable, newestFirst, parseCheckpointName } from '../../core/checkpoint/policy.ts';
import type { KeepPolicy, StoredCheckpoint } from '../../core/checkpoint/policy.ts';
import { failedError, GraftError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { RunId, Sha256 } from '../../core/ids.ts';
import type { Clock } from '../../infra/ports/clock.ts';
import type { LocalFiles } from '../../infra/ports/local-files.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { parseAs, readJson } from '../lib/json-object.ts';
import { refuseStale } from './attempt.ts';

/** What ties a checkpoint to its training: another key or data order means another training, never a resume. */
export interface CheckpointIdentity {
  readonly runId: RunId;
  readonly trainKey: string;
  /** What an older graft called the same training. */
  readonly formerKey?: string;
  readonly dataOrderSha256: Sha256;
}

/** A verified point to resume from, on the local disk. */
export interface ResumePoint {
  readonly path: string;
  readonly sha256: Sha256;
  readonly counters: TrainCounters;
}

const prefixOf = (runId: RunId): string => `runs/${runId}/checkpoints/`;
const MANIFEST = 'manifest.json';

/**
 * Uploads a staged checkpoint: the tensors under a key of this attempt's own, then the manifest, last, with
 * `If-None-Match: *` (architecture §2.2). Killed in between, it does not exist. Returns the manifest's key.
 */
export async function commitCheckpoint(
  ports: { readonly store: ObjectStore; readonly clock: Clock },
  identity: CheckpointIdentity,
  attempt: number,
  staged: StagedCheckpoint,
  signal: AbortSignal,
): Promise<string> {
  const folder = `${prefixOf(identity.runId)}${checkpointName(staged.counters.step, attempt)}/`;
  const blob = { key: `${folder}${staged.sha256}.safetensors`, sha256: staged.sha256, sizeBytes: staged.sizeBytes };
  await ports.store.putFile(blob.key, staged.path, staged.sha256, { signal });
  await refuseStale(ports.store, identity.runId, attempt);
  const manifest: CheckpointManifest = {
    kind: 'graft.checkpoint/1',
    runId: identity.runId,
    trainKey: identity.trainKey,
    dataOrderSha256: identity.dataOrderSha256,
    attempt,
    createdAt: new Date(ports.clock.nowMs()).toISOString(),
    counters: staged.counters,
    isBest: staged.isBest,
    tensors: blob,
  };
  const key = `${folder}${MANIFEST}`;
  const body = new TextEncoder().encode(JSON.stringify(manifest));
  const put = await ports.store.putIfAbsent(key, body, { contentType: 'application/json', signal });
  if (put.kind === 'conflict') {
    throw failedError(
      'STALE_ATTEMPT',
      key,
      'already written by another holder of this attempt',
      'one trainer an attempt',
    );
  }
  return key;
}

/** Manifests that parse and belong to this training, newest first. Torn, foreign or unreadable ones are passed over. */
export async function listCheckpoints(
  store: ObjectStore,
  identity: CheckpointIdentity,
): Promise<(StoredCheckpoint & { readonly manifest: CheckpointManifest })[]> {
  const found: (StoredCheckpoint & { readonly manifest: CheckpointManifest })[] = [];
  for await (const { key } of store.list(prefixOf(identity.runId))) {
    if (!key.endsWith(`/${MANIFEST}`)) continue;
    const name = parseCheckpointName(key.slice(prefixOf(identity.runId).length, -MANIFEST.length - 1));
    const read = name && (await readJson(store, key, parseAs(CheckpointManifest)));
    const manifest = read?.ok === true ? read.value?.value : undefined;
    if (!name || !manifest) continue;
    if (manifest.trainKey !== identity.trainKey && manifest.trainKey !== identity.formerKey) continue;
    if (manifest.dataOrderSha256 !== identity.dataOrderSha256) continue;
    found.push({ key, ...name, isBest: manifest.isBest, manifest });
  }
  return newestFirst(found);
}

/**
 * The furthest state that verifies: a checkpoint in the store, or one that an earlier attempt left whole on this disk
 * and had no time to upload. One that does not verify is skipped for the one before.
 */
export async function findResumePoint(
  ports: { readonly store: ObjectStore; readonly files: LocalFiles },
  identity: CheckpointIdentity,
  stagedDir: string,
  onSkip: (key: string, reason: string) => void,
): Promise<ResumePoint | null> {
  const staged = await newestStaged(stagedDir);
  for (const { key, manifest } of await listCheckpoints(ports.store, identity)) {
    if (staged && further(staged.counters, manifest.counters)) return staged;
    try {
      const path = await ports.files.fetch(manifest.tensors);
      return { path, sha256: manifest.tensors.sha256, counters: manifest.counters };
    } catch (error) {
      if (!(error instanceof GraftError) || !SKIPPABLE.has(error.code)) throw error;
      onSkip(key, error.message);
    }
  }
  return staged;
}

/** Where another part of a training paused, or an earlier one of this: what it left for whoever goes on from there. */
export async function pausePoint(ports: { readonly files: LocalFiles }, checkpoint: BlobRef): Promise<ResumePoint> {
  const path = await ports.files.fetch(checkpoint);
  const decoded = decodeSafetensors(await readFile(path), path);
  const counters = decoded.ok ? parseCounters(decoded.value.metadata['counters']) : null;
  if (counters) return { path, sha256: checkpoint.sha256, counters };
  throw failedError('CHECKPOINT_UNREADABLE', checkpoint.key, 'not a checkpoint of this graft', 'the end of a part');
}

/** The one of two points that is further. */
export function furtherOf(a: ResumePoint | null, b: ResumePoint | null): ResumePoint | null {
  if (a === null || b === null) return a ?? b;
  return further(b.counters, a.counters) ? b : a;
}

/** What says that this one checkpoint is gone or damaged; anything else (no network, no rights) must not cost progress. */
const SKIPPABLE: ReadonlySet<string> = new Set(['STORE_NOT_FOUND', 'STORE_CORRUPT']);

/** Later in the run: by step, then by epochs finished (a save after the epoch's end follows one before it). */
function further(a: TrainCounters, b: TrainCounters): boolean {
  return a.step !== b.step ? a.step > b.step : a.epoch > b.epoch;
}

async function newestStaged(dir: string): Promise<ResumePoint | null> {
  if (!existsSync(dir)) return null;
  const names = (await readdir(dir)).filter((name) => STAGED.test(name)).sort();
  for (const name of names.reverse()) {
    const path = join(dir, name);
    const bytes = await readFile(path);
    const sha256 = asSha256(createHash('sha256').update(bytes).digest('hex'));
    if (STAGED.exec(name)?.[1] !== sha256) continue;
    const decoded = decodeSafetensors(bytes, path);
    const counters = decoded.ok ? parseCounters(decoded.value.metadata['counters']) : null;
    if (counters) return { path, sha256, counters };
  }
  return null;
}

/** `<step>-<epoch>-<sha256>.safetensors`: what a power cut has torn does not verify against its own name. */
const STAGED = /^\d{12}-\d{6}-([0-9a-f]{64})\.safetensors$/;

function parseCounters(text: string | undefined): TrainCounters | null {
  try {
    const parsed = TrainCounters.safeParse(JSON.parse(text ?? ''));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Deletes what the policy lets go, manifest first: a checkpoint is either whole or not there. */
export async function pruneCheckpoints(
  store: ObjectStore,
  identity: CheckpointIdentity,
  policy: KeepPolicy,
): Promise<void> {
  for (const { key, manifest } of expendable(policy, await listCheckpoints(store, identity))) {
    await store.delete(key);
    await store.delete(manifest.tensors.key);
  }
}

/** Removes local copies before one that is in the store; that one stays, for a trainer that is started anew from it. */
export async function pruneStaged(dir: string, committed: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (STAGED.test(name) && join(dir, name) < committed) await rm(join(dir, name), { force: true });
  }
}
