import { describeShapes } from './describe-schema.ts';
import { pipelineJsonSchema, shapesOf } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';

interface Row {
  readonly key: string;
  readonly allowed: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** The table of every key for docs/graft-yaml.md, in Markdown. */
export function pipelineReference(): string {
  const rows = rowsOf(pipelineJsonSchema(), '');
  const lines = rows.map(
    ({ key, allowed, fallback, meaning }) => `| \`${key}\` | ${allowed} | ${fallback} | ${meaning} |`,
  );
  return ['| key | allowed | default | meaning |', '|---|---|---|---|', ...lines].join('\n');
}

/** Leaves only: a map is the list of its keys. */
function rowsOf(node: SchemaNode, prefix: string): Row[] {
  return shapesOf(node).flatMap((shape) => {
    const kind = shape.properties?.['kind'];
    const only = typeof kind === 'object' && typeof kind.const === 'string' ? ` (${kind.const})` : '';
    return Object.entries(shape.properties ?? {}).flatMap(([key, child]) => {
      if (typeof child === 'boolean' || (only !== '' && key === 'kind')) return [];
      return rowsOfKey(`${prefix}${key}`, child, only, shape.required?.includes(key) === true);
    });
  });
}

function rowsOfKey(key: string, node: SchemaNode, only: string, required: boolean): Row[] {
  const shapes = shapesOf(node);
  const nested = rowsOf(node, `${key}.`);
  if (nested.length === 0) {
    const allowed = node.pattern === undefined ? allowedBy(node) : 'lower-case letters, digits, inner dashes';
    return [{ key: `${key}${only}`, allowed, fallback: fallbackOf(node, required), meaning: node.description ?? '' }];
  }
  const kinds = shapes.flatMap((shape) => {
    const kind = shape.properties?.['kind'];
    return typeof kind === 'object' && typeof kind.const === 'string' ? [kind.const] : [];
  });
  if (kinds.length === 0) return [...sectionRow(key, node), ...nested];
  const fallback = fallbackOf(node, required);
  return [
    { key: `${key}.kind`, allowed: `one of ${kinds.join(', ')}`, fallback, meaning: node.description ?? '' },
    ...nested,
  ];
}

/** A section that may be null says what null means; its keys have their defaults once it is there. */
function sectionRow(key: string, node: SchemaNode): Row[] {
  if (node.default !== null) return [];
  return [{ key, allowed: describeShapes(node), fallback: 'null', meaning: node.description ?? '' }];
}

function allowedBy(node: SchemaNode): string {
  const names = typeof node.propertyNames === 'object' ? node.propertyNames.enum : undefined;
  const values = typeof node.additionalProperties === 'object' ? describeShapes(node.additionalProperties) : '';
  return names ? `${names.map(String).join(', ')}: each ${values}` : describeShapes(node);
}

function fallbackOf(node: SchemaNode, required: boolean): string {
  if (required) return 'required';
  const { default: value } = node;
  if (value === undefined) return '–';
  if (typeof value === 'object' && value !== null && 'kind' in value) return String(value.kind);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
