import type { z } from 'zod';
import type { GraftError } from '../../core/errors.ts';
import { describeShapes } from './describe-schema.ts';
import { allKeys, keysAt, schemaAt, valueAt } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';
import { inert, problem, shown } from './problems.ts';
import { nearest } from './suggest.ts';
import type { Path, Plain } from './yaml-source.ts';
import { dotted } from './yaml-source.ts';

export interface IssueContext {
  readonly value: Plain;
  readonly schema: SchemaNode;
  /** `graft.yaml:7 train.epochs`. */
  place(path: Path): string;
}

/** One line for each thing that zod found: what was there, what may be, what was probably meant. */
export function explainIssue(issue: z.core.$ZodIssue, context: IssueContext): GraftError[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], context));
  }
  const seen = valueAt(context.value, path);
  if (seen === undefined) return [missingKey(path, context)];
  return [wrongValue(path, seen, issue, context)];
}

function unknownKey(path: Path, { value, schema, place }: IssueContext): GraftError {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const siblings = keysAt(schema, parent, value);
  const meant = nearest(key, siblings);
  const where = place(path);
  const remedy = 'correct or remove it';
  if (meant !== null) {
    const expected = `did you mean ${dotted([...parent, meant])}?`;
    return problem('CONFIG_KEY', { where, seen: 'unknown key', expected, remedy });
  }
  const elsewhere = allKeys(schema).find((known) => known.path.at(-1) === key && known.path.join('.') !== dotted(path));
  const list = siblings.length === 0 ? 'no keys here' : `one of ${siblings.join(', ')}`;
  const expected = elsewhere ? `did you mean ${dotted(elsewhere.path)}?` : list;
  return problem('CONFIG_KEY', { where, seen: 'unknown key', expected, remedy });
}

function missingKey(path: Path, { value, schema, place }: IssueContext): GraftError {
  const node = schemaAt(schema, path, value);
  return problem('CONFIG_KEY', {
    where: place(path),
    seen: 'the key is missing',
    expected: node === null ? 'a value' : describeShapes(node),
    remedy: node?.description ?? 'add it',
  });
}

function wrongValue(path: Path, seen: Plain, issue: z.core.$ZodIssue, context: IssueContext): GraftError {
  const node = schemaAt(context.schema, path, context.value);
  const allowed = issue.code === 'invalid_union' ? optionsOf(issue) : enumOf(node);
  const meant = typeof seen === 'string' ? nearest(seen, allowed) : null;
  const described = issue.code === 'invalid_format' || node === null ? issue.message : describeShapes(node);
  const expected = allowed.length > 1 ? `one of ${allowed.join(', ')}` : described;
  return problem('CONFIG_VALUE', {
    where: context.place(path),
    seen: shown(seen),
    expected: inert(expected, 300),
    remedy: meant === null ? remedyFor(node) : `did you mean ${meant}?`,
  });
}

function remedyFor(node: SchemaNode | null): string {
  if (node?.default === undefined || typeof node.default === 'object') return 'correct the value';
  return `correct it, or leave it out for ${String(node.default)}`;
}

function optionsOf(issue: z.core.$ZodIssueInvalidUnion): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
}

function enumOf(node: SchemaNode | null): string[] {
  return (node?.enum ?? []).map(String);
}
