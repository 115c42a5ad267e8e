import type { GraftError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import { isPlainMap } from './json-schema.ts';
import { inert, problem } from './problems.ts';
import { parseYaml } from './yaml-source.ts';
import type { Plain, PlainMap } from './yaml-source.ts';

/** One `--set a.b=c`, read. */
export interface Override {
  /** As it was written, safe to print. */
  readonly text: string;
  readonly path: readonly string[];
  readonly value: Plain;
}

const KEY = /^[A-Za-z0-9_-]+$/;

/** Reads `train.epochs=10`: a dotted key, and a value in YAML. Errors: CONFIG_KEY, and those of `parseYaml`. */
export function parseOverride(text: string): Result<Override, GraftError[]> {
  const at = text.indexOf('=');
  const path = text
    .slice(0, at === -1 ? undefined : at)
    .trim()
    .split('.');
  const where = `--set ${inert(text, 100)}`;
  const remedy = 'write it as in --set train.epochs=10';
  if (at === -1) return err([problem('CONFIG_KEY', { where, seen: 'no “=”', expected: 'KEY=VALUE', remedy })]);
  if (!path.every((part) => KEY.test(part))) {
    return err([problem('CONFIG_KEY', { where, seen: 'not a key', expected: 'names with dots between', remedy })]);
  }
  if (path.some((part) => ['__proto__', 'constructor', 'prototype'].includes(part))) {
    const seen = 'a key that is never allowed';
    return err([problem('CONFIG_FORBIDDEN_KEY', { where, seen, remedy: 'leave it out' })]);
  }
  const parsed = parseYaml(text.slice(at + 1), where);
  return parsed.ok ? ok({ text: where, path, value: parsed.value.value }) : parsed;
}

/** A copy of `base` with the override in it. Maps that are missing (or null) on the way are made. */
export function applyOverride(base: Plain, { path, value, text }: Override): Result<Plain, GraftError[]> {
  const [key, ...rest] = path;
  if (key === undefined) return ok(value);
  if (base !== null && !isPlainMap(base)) {
    const seen = `${key} would be a key of ${Array.isArray(base) ? 'a list' : `“${inert(String(base), 40)}”`}`;
    const remedy = 'set the whole value instead';
    return err([problem('CONFIG_KEY', { where: text, seen, expected: 'a mapping there', remedy })]);
  }
  const map: PlainMap = base ?? {};
  const child = Object.hasOwn(map, key) ? (map[key] ?? null) : null;
  const inner = applyOverride(child, { path: rest, value, text });
  return inner.ok ? ok({ ...map, [key]: inner.value }) : inner;
}
