import type { z } from 'zod';
import type { ObjectStore } from '../ports/object-store.ts';

/** A small object as its schema has it; null where it is not there or does not parse. */
export async function readJson<T extends z.ZodType>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  schema: T,
): Promise<z.output<T> | null> {
  const found = await store.get(key);
  if (!found) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(found.body)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
