import { ModelAliases, ModelVersion } from '../../contracts/registry.ts';
import { inputError, transientError } from '../../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { nearest } from '../pipeline-file/suggest.ts';

/** A model as the registry has it: read only; promotion writes it (activities/promote). */
export interface RegisteredModel {
  readonly name: string;
  readonly aliases: Readonly<Record<string, number>>;
  /** Ascending. */
  readonly versions: readonly ModelVersion[];
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const DEFAULT_ALIAS = 'champion';

/** Names of all models, sorted. */
export async function listModels(store: ObjectStore): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of store.list('models/')) {
    const name = /^models\/([^/]+)\/versions\/\d+\/manifest\.json$/.exec(key)?.[1];
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}

/** Throws MODEL_NOT_FOUND (input), with what was probably meant. */
export async function readModel(store: ObjectStore, name: string): Promise<RegisteredModel> {
  const numbers: number[] = [];
  if (NAME.test(name)) {
    for await (const { key } of store.list(`models/${name}/versions/`)) {
      const number = /\/versions\/(\d+)\/manifest\.json$/.exec(key)?.[1];
      if (number !== undefined) numbers.push(Number(number));
    }
  }
  if (numbers.length === 0) {
    const names = await listModels(store);
    const meant = nearest(name, names);
    const known = names.length === 0 ? 'there is none yet: graft run FILE trains one' : `one of ${names.join(', ')}`;
    const remedy = meant === null ? known : `did you mean ${meant}?`;
    throw inputError('MODEL_NOT_FOUND', name.slice(0, 120), 'no such model', 'a registered model', remedy);
  }
  const versions: ModelVersion[] = [];
  for (const number of numbers.sort((a, b) => a - b)) versions.push(await readVersion(store, name, number));
  const aliases = await store.get(`models/${name}/aliases.json`);
  return {
    name,
    aliases: aliases ? parse(ModelAliases, aliases.body, `models/${name}/aliases.json`).aliases : {},
    versions,
  };
}

/**
 * The version that `NAME`, `NAME@3` or `NAME@alias` means; the champion where nothing is said.
 * Throws MODEL_NOT_FOUND and MODEL_VERSION (input).
 */
export async function resolveModel(store: ObjectStore, reference: string): Promise<ModelVersion> {
  const at = reference.indexOf('@');
  const name = at === -1 ? reference : reference.slice(0, at);
  const wanted = at === -1 ? DEFAULT_ALIAS : reference.slice(at + 1);
  const model = await readModel(store, name);
  const number = /^\d+$/.test(wanted) ? Number(wanted) : model.aliases[wanted];
  const found = model.versions.find(({ version }) => version === number);
  if (found) return found;
  const numbers = model.versions.map(({ version }) => version).join(', ');
  const names = Object.keys(model.aliases).join(', ') || 'none';
  const remedy = `versions: ${numbers}; aliases: ${names} — write ${name}@${model.versions.at(-1)?.version ?? 1}`;
  const seen = at === -1 ? `${name} has no ${DEFAULT_ALIAS}` : `${name} has no ${wanted.slice(0, 80)}`;
  throw inputError('MODEL_VERSION', reference.slice(0, 120), seen, 'a version or an alias', remedy);
}

async function readVersion(store: ObjectStore, name: string, version: number): Promise<ModelVersion> {
  const key = `models/${name}/versions/${version}/manifest.json`;
  const found = await store.get(key);
  if (found) return parse(ModelVersion, found.body, key);
  throw transientError('REGISTRY_FORMAT', key, 'gone since it was listed', 'a manifest', 'try again');
}

function parse<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
  body: Uint8Array,
  key: string,
): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const remedy = 'it may come from a newer graft: upgrade this one, or restore the object from a backup';
  throw inputError('REGISTRY_FORMAT', key, 'not what this version of graft writes', 'a known form', remedy);
}
