import { createHash } from 'node:crypto';
import { LedgerEntry, ModelAliases, ModelVersion } from '../../contracts/registry.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { GraftError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import { checkLedger } from '../../core/promotion/ledger.ts';
import type { LedgerVerdict, SeenAliases, SeenVersion } from '../../core/promotion/ledger.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readRetired } from './version-notes.ts';

/** An entry of a ledger as it was found; `entry` is null where the object is none. */
export interface FoundEntry {
  readonly seq: number;
  readonly sha256: Sha256;
  readonly entry: LedgerEntry | null;
}

/** Every object of a model's ledger, by number; what can't be read is there too. */
export async function readLedger(store: ObjectStore, name: string): Promise<FoundEntry[]> {
  const found: FoundEntry[] = [];
  for await (const { key } of store.list(`models/${name}/ledger/`)) {
    const number = /\/ledger\/(\d+)\.json$/.exec(key)?.[1];
    if (number === undefined) continue;
    const body = await bytesOf(store, key);
    if (body === null) continue;
    found.push({ seq: Number(number), sha256: sha256Of(body), entry: parsed(LedgerEntry, body) });
  }
  return found.sort((a, b) => a.seq - b.seq);
}

/** The entries that can be read, in order. */
export const entriesOf = (ledger: readonly FoundEntry[]): LedgerEntry[] =>
  ledger.flatMap(({ entry }) => (entry ? [entry] : []));

export interface ModelCheck extends LedgerVerdict {
  readonly name: string;
  readonly entries: number;
  readonly versions: number;
  readonly weightsBytes: number;
}

/**
 * Checks ledger, aliases, manifests and weights of a model against one another: every weights file is read and hashed.
 * `knownHead`: a head that was noted before must still be in the ledger.
 */
export async function checkModel(
  store: ObjectStore,
  name: string,
  options: { readonly knownHead?: string; onVersion?(done: number, of: number): void } = {},
): Promise<ModelCheck> {
  const ledger = await readLedger(store, name);
  const numbers = new Set(entriesOf(ledger).map(({ to }) => to));
  for await (const { key } of store.list(`models/${name}/versions/`)) {
    const number = /\/versions\/(\d+)\/manifest\.json$/.exec(key)?.[1];
    if (number !== undefined) numbers.add(Number(number));
  }
  const versions: SeenVersion[] = [];
  const retired = await readRetired(store, name);
  let weightsBytes = 0;
  for (const version of [...numbers].sort((a, b) => a - b)) {
    options.onVersion?.(versions.length, numbers.size);
    const { seen, sizeBytes } = await seeVersion(store, name, version);
    versions.push({ ...seen, retired: retired.has(version) });
    weightsBytes += sizeBytes;
  }
  const entries = ledger.map(({ seq, sha256, entry }) => ({ seq, sha256, move: entry }));
  const verdict = checkLedger(entries, await seeAliases(store, name), versions);
  const { knownHead } = options;
  if (knownHead !== undefined && !ledger.some(({ sha256 }) => sha256 === knownHead)) {
    const seen = `no entry has the hash ${knownHead.slice(0, 12)}… that was noted before`;
    verdict.problems.push({ code: 'LEDGER_REWRITTEN', where: 'ledger', seen });
  }
  return { name, entries: ledger.length, versions: versions.length, weightsBytes, ...verdict };
}

async function seeAliases(store: ObjectStore, name: string): Promise<SeenAliases | null> {
  const body = await bytesOf(store, `models/${name}/aliases.json`);
  return body && parsed(ModelAliases, body);
}

async function seeVersion(store: ObjectStore, name: string, version: number) {
  const body = await bytesOf(store, `models/${name}/versions/${version}/manifest.json`);
  const manifest = body && parsed(ModelVersion, body);
  const seen: SeenVersion = {
    version,
    sha256: body && sha256Of(body),
    weightsSha256: manifest?.weights.sha256 ?? null,
    weights: manifest ? await seeWeights(store, manifest.weights) : 'unknown',
  };
  return { seen, sizeBytes: manifest?.weights.sizeBytes ?? 0 };
}

async function seeWeights(store: ObjectStore, { key, sha256 }: BlobRef): Promise<SeenVersion['weights']> {
  if ((await store.head(key)) === null) return 'gone';
  const hash = createHash('sha256');
  for await (const chunk of await store.stream(key)) if (chunk instanceof Uint8Array) hash.update(chunk);
  return hash.digest('hex') === sha256 ? 'whole' : 'changed';
}

/** An object's bytes, whatever they are: a store that keeps hashes refuses flipped ones, and then they are no JSON. */
async function bytesOf(store: ObjectStore, key: string): Promise<Uint8Array | null> {
  try {
    return (await store.get(key))?.body ?? null;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_CORRUPT') return new TextEncoder().encode('damaged');
    throw error;
  }
}

function parsed<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
  body: Uint8Array,
): T | null {
  try {
    const read = schema.safeParse(JSON.parse(new TextDecoder().decode(body)));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

const sha256Of = (body: Uint8Array): Sha256 => asSha256(createHash('sha256').update(body).digest('hex'));
