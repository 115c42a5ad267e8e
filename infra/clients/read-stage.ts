import type { z } from 'zod';
import { StageManifest } from '../../contracts/manifests.ts';
import type { BlobRef, StoredStage } from '../../contracts/manifests.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';

/** A finished stage's manifest; null where it is gone or of another form. `key` is its content address. */
export function readStageManifest(store: ObjectStore, stage: StoredStage, key: string): Promise<StageManifest | null> {
  return readJson(store, `stages/${stage}/${key}/manifest.json`, StageManifest);
}

/** The output of a finished stage; null where it can't be had. */
export async function readStageOutput<T extends z.ZodType>(
  store: ObjectStore,
  stage: StoredStage,
  key: string,
  output: T,
): Promise<z.output<T> | null> {
  const manifest = await readStageManifest(store, stage, key);
  const parsed = output.safeParse(manifest?.output);
  return parsed.success ? parsed.data : null;
}

/** The values of a part with JSON lines; those that do not parse are passed over. */
export async function readLinesOf<T extends z.ZodType>(
  store: ObjectStore,
  { key, sha256 }: Pick<BlobRef, 'key' | 'sha256'>,
  schema: T,
): Promise<z.output<T>[]> {
  const found = await store.get(key, { sha256, maxBytes: MAX_BYTES });
  const values: z.output<T>[] = [];
  for (const line of new TextDecoder().decode(found?.body).split('\n')) {
    if (line === '') continue;
    const parsed = schema.safeParse(JSON.parse(line));
    if (parsed.success) values.push(parsed.data);
  }
  return values;
}

const MAX_BYTES = 256 * 2 ** 20;
