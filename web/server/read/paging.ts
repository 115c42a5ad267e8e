import { inputError } from '../../../core/errors.ts';

/** A part of a list that does not change; the cursor is the number of what came before. REQUEST_QUERY (400). */
export function pageOf<T>(
  all: readonly T[],
  cursor: string | undefined,
  limit: number,
): { part: T[]; total: number; cursor: string | null } {
  const from = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(from) || from < 0) {
    throw inputError('REQUEST_QUERY', 'cursor', 'not one of this list', 'what the answer before said', 'begin anew');
  }
  const part = all.slice(from, from + limit);
  const next = from + part.length;
  return { part, total: all.length, cursor: next < all.length ? String(next) : null };
}
