import { StageManifest } from '../../contracts/manifests.ts';
import { ModelAliases } from '../../contracts/registry.ts';
import type { CollectibleResult } from '../../core/cache/collect.ts';
import { GraftError } from '../../core/errors.ts';
import type { ObjectInfo, ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';

export interface ScannedResult extends CollectibleResult {
  readonly manifestKey: string;
  /** Of the manifest that was read. */
  readonly etag: string;
  /** Of its parts; 0 where it is swept. */
  readonly sizeBytes: number;
}

/** Parts of an attempt that no manifest lists: it was killed, or its manifest was replaced. */
export interface LeftOver {
  readonly key: string;
  readonly stage: string;
  readonly sizeBytes: number;
  /** Since when nothing lists it, at the latest. */
  readonly leftMs: number;
}

export interface Scan {
  readonly results: readonly ScannedResult[];
  readonly leftOvers: readonly LeftOver[];
  /** What versions, young records of runs and sweeps, and schedules speak of. */
  readonly roots: ReadonlySet<string>;
  /** Manifests that can't be read: nothing of theirs is touched. */
  readonly unreadable: readonly string[];
}

const PARALLEL_READS = 16;
/** Parts of one attempt, which nobody else will write to or look for. */
const OF_AN_ATTEMPT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\//;
const OBJECT = /^stages\/([a-z]+)\/([0-9a-f]{64})\/(.+)$/;
const HEX = /[0-9a-f]{64}/g;
const PART = /stages\/[a-z]+\/[0-9a-f]{64}\/[^"\\\s]+/g;

/** Records that name results, for as long as they are young; versions and schedules for as long as they are there. */
const RECORD = /^(runs|sweeps)\/[^/]+\/[^/]+\.json$/;
const LASTING = /^(models\/[^/]+\/versions\/\d+\/manifest\.json|schedules\/.+\.json)$/;

interface Seen {
  readonly etag: string;
  readonly text: string;
  readonly manifest: StageManifest;
  readonly modifiedMs: number;
}

/** Reads every manifest under `stages/`, and what must be kept for other records. */
export async function scanForCollection(store: ObjectStore, nowMs: number, graceMs: number): Promise<Scan> {
  const groups = new Map<string, ObjectInfo[]>();
  for await (const info of store.list('stages/')) {
    const [, stage, key] = OBJECT.exec(info.key) ?? [];
    if (stage === undefined || key === undefined) continue;
    const id = `${stage}/${key}`;
    groups.set(id, [...(groups.get(id) ?? []), info]);
  }
  const seen = new Map<string, Seen>();
  const unreadable: string[] = [];
  const withManifest = [...groups].filter(([id, infos]) => infos.some(({ key }) => key === manifestKeyOf(id)));
  await inBatches(withManifest, async ([id, infos]) => {
    const found = await readManifest(store, id, infos);
    if (found) seen.set(id, found);
    else unreadable.push(manifestKeyOf(id));
  });
  const idsOfKey = new Map<string, string[]>();
  for (const id of seen.keys()) {
    const key = id.slice(id.indexOf('/') + 1);
    idsOfKey.set(key, [...(idsOfKey.get(key) ?? []), id]);
  }
  const mentionsOf = (text: string): string[] => [
    ...new Set((text.match(HEX) ?? []).flatMap((hex) => idsOfKey.get(hex) ?? [])),
  ];
  const listed = new Set([...seen.values()].flatMap(({ text }) => text.match(PART) ?? []));
  const roots = new Set<string>();
  for await (const text of rootTexts(store, nowMs - graceMs)) {
    for (const id of mentionsOf(text)) roots.add(id);
    for (const part of text.match(PART) ?? []) listed.add(part);
  }
  const results = [...seen].map(([id, each]) => scanned(id, each, mentionsOf(each.text)));
  const lost = new Set(unreadable);
  const leftOvers = [...groups].flatMap(([id, infos]) =>
    lost.has(manifestKeyOf(id)) ? [] : leftOversOf(id, infos, seen.get(id) ?? null, listed),
  );
  return { results: results.sort(byId), leftOvers, roots, unreadable: unreadable.sort() };
}

/** Whether a collection that began to sweep a result at `sweepingMs` removes an object in its folder. */
export function isSweptWith(rest: string, sweepingMs: number): boolean {
  const [, later] = /^after-(\d+)\//.exec(rest) ?? [];
  if (later !== undefined) return Number(later) < sweepingMs;
  return rest !== 'manifest.json' && !OF_AN_ATTEMPT.test(rest);
}

export const manifestKeyOf = (id: string): string => `stages/${id}/manifest.json`;
const byId = (a: ScannedResult, b: ScannedResult): number => (a.id < b.id ? -1 : 1);

function scanned(id: string, { manifest, etag, modifiedMs }: Seen, mentions: readonly string[]): ScannedResult {
  const { stage, parts, createdAt, usedAt, collect } = manifest;
  const madeMs = Math.max(Date.parse(createdAt), Date.parse(usedAt ?? createdAt));
  return {
    ...{ id, stage, etag, manifestKey: manifestKeyOf(id), mentions: mentions.filter((other) => other !== id) },
    state: collect?.state ?? 'live',
    sinceMs: collect ? Date.parse(collect.at) : Math.max(madeMs, modifiedMs),
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function leftOversOf(
  id: string,
  infos: readonly ObjectInfo[],
  current: Seen | null,
  listed: ReadonlySet<string>,
): LeftOver[] {
  const stage = id.slice(0, id.indexOf('/'));
  // Parts of a manifest that was replaced were in use until then.
  const replacedMs = current ? Date.parse(current.manifest.createdAt) : 0;
  return infos.flatMap(({ key, sizeBytes, modifiedAt }) => {
    if (!OF_AN_ATTEMPT.test(key.slice(`stages/${id}/`.length)) || listed.has(key)) return [];
    return [{ key, stage, sizeBytes, leftMs: Math.max(modifiedAt.getTime(), replacedMs) }];
  });
}

async function* rootTexts(store: ObjectStore, youngFromMs: number): AsyncGenerator<string> {
  const text = async (key: string): Promise<string> => new TextDecoder().decode((await store.get(key))?.body);
  const letGo = await retiredVersions(store);
  for (const prefix of ['models/', 'schedules/', 'runs/', 'sweeps/']) {
    for await (const { key, modifiedAt } of store.list(prefix)) {
      const wanted = LASTING.test(key) || (RECORD.test(key) && modifiedAt.getTime() >= youngFromMs);
      if (wanted && !letGo.has(key)) yield await text(key);
    }
  }
}

/** Manifests of versions that are retired and that no alias points at: their weights need not be kept. */
async function retiredVersions(store: ObjectStore): Promise<Set<string>> {
  const manifests = new Set<string>();
  const held = new Set<string>();
  for await (const { key } of store.list('models/')) {
    const [, name, version] = /^models\/([^/]+)\/retired\/(\d+)\.json$/.exec(key) ?? [];
    if (name !== undefined && version !== undefined) manifests.add(`models/${name}/versions/${version}/manifest.json`);
    const [, model] = /^models\/([^/]+)\/aliases\.json$/.exec(key) ?? [];
    const aliases = model === undefined ? null : await readJson(store, key, ModelAliases);
    for (const version of Object.values(aliases?.aliases ?? {})) {
      held.add(`models/${model ?? ''}/versions/${version}/manifest.json`);
    }
  }
  return new Set([...manifests].filter((key) => !held.has(key)));
}

async function readManifest(store: ObjectStore, id: string, infos: readonly ObjectInfo[]): Promise<Seen | null> {
  const key = manifestKeyOf(id);
  try {
    const found = await store.get(key);
    if (!found) return null;
    const text = new TextDecoder().decode(found.body);
    const parsed = StageManifest.safeParse(JSON.parse(text));
    const modifiedMs = infos.find((info) => info.key === key)?.modifiedAt.getTime() ?? 0;
    return parsed.success ? { etag: found.etag, text, manifest: parsed.data, modifiedMs } : null;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof GraftError && error.code === 'STORE_CORRUPT')) return null;
    throw error;
  }
}

export async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += PARALLEL_READS) {
    await Promise.all(items.slice(start, start + PARALLEL_READS).map(work));
  }
}
