import type { z } from 'zod';
import { StageManifest } from '../../../contracts/manifests.ts';
import type { StoredStage } from '../../../contracts/manifests.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

export interface FoundStage<T> extends Pick<StageManifest, 'addressedBy' | 'createdAt'> {
  readonly key: string;
  readonly output: T;
}

const AT_ONCE = 16;

/** Finished stages by kind. Manifests never change once they are written, so each is read once. */
export class StageIndex {
  private readonly store: ObjectStore;
  private readonly known = new Map<string, StageManifest | null>();

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** The newest whose output parses and that is what is wanted. */
  async newest<T extends z.ZodType>(
    stage: StoredStage,
    schema: T,
    isWanted: (found: FoundStage<z.output<T>>) => boolean,
  ): Promise<FoundStage<z.output<T>> | null> {
    let newest: FoundStage<z.output<T>> | null = null;
    for (const { key, addressedBy, createdAt, output } of await this.all(stage)) {
      const parsed = schema.safeParse(output);
      if (!parsed.success || (newest !== null && newest.createdAt >= createdAt)) continue;
      const found = { key, addressedBy, createdAt, output: parsed.data };
      if (isWanted(found)) newest = found;
    }
    return newest;
  }

  private async all(stage: StoredStage): Promise<StageManifest[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.list(`stages/${stage}/`)) {
      if (/^stages\/[^/]+\/[0-9a-f]{64}\/manifest\.json$/.test(key)) keys.push(key);
    }
    const unread = keys.filter((key) => !this.known.has(key));
    for (let at = 0; at < unread.length; at += AT_ONCE) {
      await Promise.all(
        unread.slice(at, at + AT_ONCE).map(async (key) => {
          this.known.set(key, await readJson(this.store, key, StageManifest));
        }),
      );
    }
    return keys.flatMap((key) => this.known.get(key) ?? []);
  }
}
