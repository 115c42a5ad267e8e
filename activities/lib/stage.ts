import { createHash, randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { failedError } from '../../core/errors.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import type { StageKey } from '../../core/ids.ts';
import { StageManifest } from '../../contracts/manifests.ts';
import type { BlobRef, StoredStage } from '../../contracts/manifests.ts';
import type { Freshness, RemadeBecause } from '../../contracts/stage-name.ts';
import type { Clock } from '../../infra/ports/clock.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { parseAs, readJson } from './json-object.ts';

export interface StageRequest<T extends z.ZodType> {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly stage: StoredStage;
  /** Raise it whenever the stage's code would give another result for the same input. */
  readonly codeVersion: number;
  /** Every input and parameter that can change the result; hashed into the key and shown by `graft cache explain`. */
  readonly addressedBy: Readonly<Record<string, Json>>;
  readonly output: T;
  /** An earlier result is taken only if it is not too old. */
  readonly fresh?: Freshness | undefined;
  /** Writes its parts under keys that start with `partsPrefix` (unique to this attempt) and returns them. */
  compute(partsPrefix: string): Promise<{ output: z.input<T>; parts: readonly BlobRef[] }>;
}

export interface StageAnswer<T> {
  readonly key: StageKey;
  readonly manifestKey: string;
  readonly cached: boolean;
  readonly output: T;
  /** Why it was made although a result had its address. */
  readonly remade?: RemadeBecause;
}

/** The content address of a stage's output (architecture §2.7). */
export function stageKey(
  stage: StoredStage,
  codeVersion: number,
  addressedBy: Readonly<Record<string, Json>>,
): StageKey {
  const text = canonicalJson({ stage, codeVersion, addressedBy });
  return asStageKey(asSha256(createHash('sha256').update(text).digest('hex')));
}

export const stageManifestKey = (stage: StoredStage, key: StageKey): string => `stages/${stage}/${key}/manifest.json`;

/**
 * Runs a stage once for its content address: an existing manifest whose parts are all there is the answer; else the
 * stage computes, and its manifest is written last (`If-None-Match: *`). Of two that compute at once the first wins.
 */
export async function cachedStage<T extends z.ZodType>(request: StageRequest<T>): Promise<StageAnswer<z.output<T>>> {
  const { stage, codeVersion, addressedBy } = request;
  const key = stageKey(stage, codeVersion, addressedBy);
  const manifestKey = stageManifestKey(stage, key);
  const found = await usableStage(request, manifestKey);
  if (found.kind === 'hit') return { key, manifestKey, cached: true, output: found.output };
  const made = await request.compute(`stages/${stage}/${key}/${randomUUID()}/`);
  // A manifest that was not taken (its parts are gone, or it is too old) is replaced.
  const committed = await commitStage(request, made, found.kind === 'none' ? 'first-wins' : 'replace');
  return { ...committed, cached: false, ...(found.kind === 'none' ? {} : { remade: found.kind }) };
}

type Usable<T> = { readonly kind: 'none' | RemadeBecause } | { readonly kind: 'hit'; readonly output: T };

/** The result of a stage if it may be taken: all of its parts are there, and it is not too old. */
export async function usableStage<T extends z.ZodType>(
  { store, clock, output, fresh, signal }: Pick<StageRequest<T>, 'store' | 'clock' | 'output' | 'fresh' | 'signal'>,
  manifestKey: string,
): Promise<Usable<z.output<T>>> {
  const found = await openStage(store, manifestKey, output);
  if (found.kind !== 'found') return found;
  if (!(await takeBack({ store, clock, signal }, manifestKey, found))) return { kind: 'collected' };
  if (fresh && found.manifest.createdAt < fresh.since) return { kind: fresh.because };
  if (!(await partsExist(store, found.manifest.parts, signal))) return { kind: 'parts-gone' };
  return { kind: 'hit', output: found.output };
}

/**
 * Where a stage keeps parts that its attempts share, named by what they hold. Looking here counts as use. Once a collection
 * has begun to sweep them the next ones lie elsewhere: what it removes late is never what was stored anew.
 */
export async function sharedPrefix(
  ports: Pick<StageRequest<z.ZodType>, 'store' | 'clock' | 'signal'>,
  stage: StoredStage,
  key: StageKey,
): Promise<string> {
  const [prefix, manifestKey] = [`stages/${stage}/${key}/`, stageManifestKey(stage, key)];
  for (;;) {
    const found = await readJson(ports.store, manifestKey, parseAs(StageManifest), { signal: ports.signal });
    const collect = found.ok ? found.value?.value.collect : undefined;
    if (!found.ok || !found.value || collect === undefined) return prefix;
    if (collect.state !== 'marked') return `${prefix}after-${Date.parse(collect.at)}/`;
    if (await takeBack(ports, manifestKey, { manifest: found.value.value, etag: found.value.etag })) return prefix;
  }
}

/** A result that a collection has marked is in use again; false where it is being swept already. */
async function takeBack(
  { store, clock, signal }: Pick<StageRequest<z.ZodType>, 'store' | 'clock' | 'signal'>,
  manifestKey: string,
  { manifest, etag }: { readonly manifest: StageManifest; readonly etag: string },
): Promise<boolean> {
  if (manifest.collect === undefined) return true;
  const { collect: _, ...kept } = manifest;
  const usedAt = new Date(clock.nowMs()).toISOString();
  const body = new TextEncoder().encode(JSON.stringify({ ...kept, usedAt }));
  const put = await store.putIfMatch(manifestKey, body, etag, { contentType: 'application/json', signal });
  if (put.kind === 'written') return true;
  // Another run took it back, or the collection went on: then it is read as what it is now.
  const now = await readJson(store, manifestKey, parseAs(StageManifest));
  return now.ok && now.value !== null && now.value.value.collect === undefined;
}

/** Writes a stage's manifest, whose parts are stored. Where another was faster its output is the answer. */
export async function commitStage<T extends z.ZodType>(
  request: Omit<StageRequest<T>, 'compute'>,
  made: { readonly output: z.input<T>; readonly parts: readonly BlobRef[] },
  mode: 'first-wins' | 'replace',
): Promise<Omit<StageAnswer<z.output<T>>, 'cached'>> {
  const { store, stage, codeVersion, addressedBy } = request;
  const key = stageKey(stage, codeVersion, addressedBy);
  const manifestKey = stageManifestKey(stage, key);
  const createdAt = new Date(request.clock.nowMs()).toISOString();
  const manifest = { kind: 'graft.stage/1' as const, stage, key, codeVersion, createdAt, addressedBy, ...made };
  const body = new TextEncoder().encode(JSON.stringify(manifest));
  const json = { contentType: 'application/json', signal: request.signal };
  if (mode === 'replace') {
    await store.put(manifestKey, body, json);
  } else if ((await store.putIfAbsent(manifestKey, body, json)).kind === 'conflict') {
    const winner = await readStage(store, manifestKey, request.output);
    if (winner) return { key, manifestKey, output: winner.output };
    await store.put(manifestKey, body, json);
  }
  return { key, manifestKey, output: request.output.parse(made.output) };
}

type OpenStage<T> =
  | { readonly kind: 'none' | 'unreadable' | 'collected' }
  | { readonly kind: 'found'; readonly manifest: StageManifest; readonly etag: string; readonly output: T };

async function openStage<T extends z.ZodType>(
  store: ObjectStore,
  manifestKey: string,
  output: T,
): Promise<OpenStage<z.output<T>>> {
  const found = await readJson(store, manifestKey, parseAs(StageManifest));
  if (!found.ok) return { kind: 'unreadable' };
  if (!found.value) return { kind: 'none' };
  const { value: manifest, etag } = found.value;
  if (manifest.collect !== undefined && manifest.collect.state !== 'marked') return { kind: 'collected' };
  const parsed = output.safeParse(manifest.output);
  return parsed.success ? { kind: 'found', manifest, etag, output: parsed.data } : { kind: 'unreadable' };
}

/** A stage's manifest, parsed; null where there is none or it can’t be read (damaged, an older or foreign form, swept). */
export async function readStage<T extends z.ZodType>(
  store: ObjectStore,
  manifestKey: string,
  output: T,
): Promise<({ output: z.output<T> } & Pick<StageManifest, 'parts' | 'addressedBy' | 'createdAt'>) | null> {
  const found = await openStage(store, manifestKey, output);
  if (found.kind !== 'found') return null;
  const { parts, addressedBy, createdAt } = found.manifest;
  return { output: found.output, parts, addressedBy, createdAt };
}

/** Like `readStage`, for a manifest that must be there because an earlier stage of the run wrote it. */
export async function requireStage<T extends z.ZodType>(
  store: ObjectStore,
  manifestKey: string,
  output: T,
): Promise<z.output<T>> {
  const found = await readStage(store, manifestKey, output);
  if (found) return found.output;
  throw failedError(
    'STAGE_MISSING',
    `${store.bucket}/${manifestKey}`,
    'the manifest of an earlier stage is gone or unreadable',
    'what the run wrote itself',
    'start the run again: missing stages are computed anew',
  );
}

const PARALLEL_HEADS = 16;

/** Whether every part is in the store with its size: a hit on what is gone would be worse than a miss. */
export async function partsExist(store: ObjectStore, parts: readonly BlobRef[], signal: AbortSignal): Promise<boolean> {
  for (let start = 0; start < parts.length; start += PARALLEL_HEADS) {
    const heads = await Promise.all(
      parts.slice(start, start + PARALLEL_HEADS).map(async (part) => {
        const info = await store.head(part.key, { signal });
        return info !== null && info.sizeBytes === part.sizeBytes;
      }),
    );
    if (heads.includes(false)) return false;
  }
  return true;
}
