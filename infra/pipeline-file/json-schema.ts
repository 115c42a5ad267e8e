import { z } from 'zod';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { allowAutos } from './autos.ts';
import type { Path, Plain } from './yaml-source.ts';

export type SchemaNode = z.core.JSONSchema.BaseSchema;

/** JSON Schema (2020-12) of what a person may write in graft.yaml: for editors, and for our own error messages. */
export function pipelineJsonSchema(): SchemaNode {
  const schema = allowAutos(z.toJSONSchema(PipelineConfig, { io: 'input' }));
  return { ...schema, title: 'graft.yaml', description: 'A pipeline of graft: docs/graft-yaml.md.' };
}

/** A node's own shapes, without null: one, or several where a `kind` or a value decides. */
export function shapesOf(node: SchemaNode): SchemaNode[] {
  const branches = [...(node.oneOf ?? []), ...(node.anyOf ?? [])];
  return branches.length === 0 ? [node] : branches.filter((branch) => branch.type !== 'null').flatMap(shapesOf);
}

/** The schema of what may stand at `path`; `value` (the whole document) tells which kind of a union it is. */
export function schemaAt(root: SchemaNode, path: Path, value: Plain | undefined): SchemaNode | null {
  const [step, ...rest] = path;
  if (step === undefined) return root;
  for (const shape of matching(shapesOf(root), value)) {
    const child = childOf(shape, step);
    const found = child === null ? null : schemaAt(child, rest, valueAt(value, [step]));
    if (found) return found;
  }
  return null;
}

/** The keys that may stand below `path`. */
export function keysAt(root: SchemaNode, path: Path, value: Plain | undefined): string[] {
  const node = schemaAt(root, path, value);
  if (node === null) return [];
  const keys = matching(shapesOf(node), valueAt(value, path)).flatMap((shape) => [
    ...Object.keys(shape.properties ?? {}),
    ...namesOf(shape),
  ]);
  return [...new Set(keys)];
}

/** Every key of a file, dotted, with its schema: `train`, `train.epochs` … */
export function allKeys(node: SchemaNode, prefix: readonly string[] = []): { path: string[]; schema: SchemaNode }[] {
  return shapesOf(node).flatMap((shape) =>
    Object.entries(shape.properties ?? {}).flatMap(([key, schema]) =>
      typeof schema === 'boolean' ? [] : [{ path: [...prefix, key], schema }, ...allKeys(schema, [...prefix, key])],
    ),
  );
}

/** The value at `path`; undefined where there is none. */
export function valueAt(value: Plain | undefined, path: Path): Plain | undefined {
  let current: Plain | undefined = value;
  for (const step of path) {
    if (Array.isArray(current)) current = typeof step === 'number' ? current[step] : undefined;
    else if (isPlainMap(current)) current = Object.hasOwn(current, step) ? current[String(step)] : undefined;
    else return undefined;
  }
  return current;
}

export function isPlainMap(value: Plain | undefined): value is { [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names that a map with free keys takes (`gate.minimum`: the metrics). */
function namesOf(shape: SchemaNode): string[] {
  const names = shape.propertyNames;
  return typeof names === 'object' ? (names.enum ?? []).map(String) : [];
}

function childOf(shape: SchemaNode, step: string | number): SchemaNode | null {
  if (typeof step === 'number') {
    const item = shape.prefixItems?.[step] ?? shape.items;
    return typeof item === 'object' && !Array.isArray(item) ? item : null;
  }
  const property = shape.properties?.[step];
  if (typeof property === 'object') return property;
  return namesOf(shape).includes(step) && typeof shape.additionalProperties === 'object'
    ? shape.additionalProperties
    : null;
}

/** Of several kinds the one that the value names; all of them while it names none. */
function matching(shapes: SchemaNode[], value: Plain | undefined): SchemaNode[] {
  const kind = valueAt(value, ['kind']);
  const named = shapes.filter((shape) => {
    const property = shape.properties?.['kind'];
    return typeof property === 'object' && property.const === kind;
  });
  return named.length > 0 ? named : shapes;
}
