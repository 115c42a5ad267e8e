import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { errnoOf, inputError, messageOf } from '../core/errors.ts';
import type { GraftError } from '../core/errors.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { inert } from './pipeline-file/problems.ts';

/** V8 holds no longer string. */
const MAX_BYTES = 500 * 1024 * 1024;

/**
 * A JSON file of a person, checked against its schema. All of kind `input`: FILE_MISSING, FILE_ACCESS, INPUT_SIZE,
 * TEXT_ENCODING, JSON_SYNTAX, JSON_FORMAT (the first place that does not fit).
 */
export async function readJsonFile<T extends z.ZodType>(
  path: string,
  schema: T,
  what: string,
): Promise<Result<z.output<T>, GraftError>> {
  const bytes = await bytesOf(path, what);
  if (!bytes.ok) return bytes;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.value);
  } catch {
    return err(inputError('TEXT_ENCODING', path, 'bytes that are not UTF-8', 'UTF-8', 'save it as UTF-8'));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const remedy = /NaN|Infinity/.test(text.slice(0, 1_000_000))
      ? 'JSON has no NaN and no Infinity: leave such entries out'
      : 'write it again with a JSON library';
    return err(inputError('JSON_SYNTAX', path, inert(messageOf(error)), what, remedy));
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  const place = issue && issue.path.length > 0 ? ` at ${inert(issue.path.map(String).join('.'))}` : '';
  return err(inputError('JSON_FORMAT', `${path}${place}`, inert(issue?.message ?? 'another form'), what));
}

async function bytesOf(path: string, what: string): Promise<Result<Uint8Array, GraftError>> {
  try {
    const { size } = await stat(path);
    if (size <= MAX_BYTES) return ok(await readFile(path));
    return err(inputError('INPUT_SIZE', path, `${size} bytes`, `at most ${MAX_BYTES}`, 'split it by images'));
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return err(inputError('FILE_MISSING', path, 'not there', what, 'correct the path'));
    return err(inputError('FILE_ACCESS', path, code === 'EISDIR' ? 'a folder' : messageOf(error), what));
  }
}
