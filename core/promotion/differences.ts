import { canonicalJson } from '../canonical-json.ts';
import type { Json } from '../canonical-json.ts';

export interface Difference {
  /** Path of the field, with dots. */
  readonly field: string;
  readonly before: Json;
  readonly after: Json;
}

/** The leaves in which two JSON values differ, by path; a field that only one of them has is null in the other. Pure. */
export function changedFields(before: Json, after: Json, path = ''): Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [{ field: path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) =>
    changedFields(before[key] ?? null, after[key] ?? null, path === '' ? key : `${path}.${key}`),
  );
}

function isRecord(value: Json): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
