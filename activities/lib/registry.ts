import { LedgerEntry, ModelAliases, ModelVersion } from '../../contracts/registry.ts';
import { failedError } from '../../core/errors.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** Keys of the model registry (architecture §3). */
export const registryKeys = {
  version: (name: string, version: number): string => `models/${name}/versions/${version}/manifest.json`,
  versions: (name: string): string => `models/${name}/versions/`,
  aliases: (name: string): string => `models/${name}/aliases.json`,
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

export async function readLedgerEntry(store: ObjectStore, name: string, seq: number): Promise<LedgerEntry | null> {
  const key = registryKeys.ledger(name, seq);
  const found = await store.get(key);
  return found ? parse(LedgerEntry, found.body, key) : null;
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
