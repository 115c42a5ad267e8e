import { LedgerEntry, ModelAliases, ModelVersion } from '../../contracts/registry.ts';
import { RetiredVersion } from '../../contracts/version-notes.ts';
import { failedError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { sha256Of } from './hash.ts';

/** Keys of the model registry (architecture §3). */
export const registryKeys = {
  version: (name: string, version: number): string => `models/${name}/versions/${version}/manifest.json`,
  versions: (name: string): string => `models/${name}/versions/`,
  aliases: (name: string): string => `models/${name}/aliases.json`,
  retired: (name: string, version: number): string => `models/${name}/retired/${version}.json`,
  ledger: (name: string, seq: number): string => `models/${name}/ledger/${String(seq).padStart(8, '0')}.json`,
} as const;

const NO_ALIASES: ModelAliases = { kind: 'graft.aliases/1', aliases: {}, ledgerSeq: 0 };

/** The moving pointers of a model with the tag that guards them; `etag` null where none were ever set. */
export async function readAliases(
  store: ObjectStore,
  name: string,
): Promise<{ readonly value: ModelAliases; readonly etag: string | null }> {
  const found = await store.get(registryKeys.aliases(name));
  if (!found) return { value: NO_ALIASES, etag: null };
  return { value: parse(ModelAliases, found.body, registryKeys.aliases(name)), etag: found.etag };
}

/** Moves the pointers if nobody else has since they were read. */
export async function writeAliases(
  store: ObjectStore,
  name: string,
  value: ModelAliases,
  etag: string | null,
): Promise<'written' | 'conflict'> {
  const body = new TextEncoder().encode(JSON.stringify(value));
  const key = registryKeys.aliases(name);
  const options = { contentType: 'application/json' };
  const put =
    etag === null ? await store.putIfAbsent(key, body, options) : await store.putIfMatch(key, body, etag, options);
  return put.kind;
}

/** Null where there is no such version. */
export async function readVersion(store: ObjectStore, name: string, version: number): Promise<ModelVersion | null> {
  const key = registryKeys.version(name, version);
  const found = await store.get(key);
  return found ? parse(ModelVersion, found.body, key) : null;
}

/** The numbers of all versions, ascending. */
export async function listVersions(store: ObjectStore, name: string): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { key } of store.list(registryKeys.versions(name))) {
    const match = /\/versions\/(\d+)\/manifest\.json$/.exec(key);
    if (match?.[1]) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

export interface StoredEntry {
  readonly entry: LedgerEntry;
  /** Of its bytes, for the chain. */
  readonly sha256: Sha256;
}

export async function readStoredEntry(store: ObjectStore, name: string, seq: number): Promise<StoredEntry | null> {
  const key = registryKeys.ledger(name, seq);
  const found = await store.get(key);
  return found ? { entry: parse(LedgerEntry, found.body, key), sha256: sha256Of(found.body) } : null;
}

export async function readLedgerEntry(store: ObjectStore, name: string, seq: number): Promise<LedgerEntry | null> {
  return (await readStoredEntry(store, name, seq))?.entry ?? null;
}

/** When and why a version's weights were let go of; null where they are kept. */
export async function readRetired(store: ObjectStore, name: string, version: number): Promise<RetiredVersion | null> {
  const key = registryKeys.retired(name, version);
  const found = await store.get(key);
  return found ? parse(RetiredVersion, found.body, key) : null;
}

/** SHA-256 of a version's manifest as it lies in the store; null where there is none. */
export async function versionSha256(store: ObjectStore, name: string, version: number): Promise<Sha256 | null> {
  const found = await store.get(registryKeys.version(name, version));
  return found ? sha256Of(found.body) : null;
}

function parse<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
  body: Uint8Array,
  key: string,
): T {
  const parsed = schema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const remedy = 'it may come from a newer graft: upgrade this one, or restore the object from a backup';
  throw failedError('REGISTRY_FORMAT', key, 'not what this version of graft writes', 'a known form', remedy);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
