import { shapesOf } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';

/** What a schema allows, in words: "a whole number from 1 to 4096", "one of rgb, gray", "a list of 2 whole numbers". */
export function describeShapes(node: SchemaNode): string {
  const words = new Set(shapesOf(node).map(describe));
  if (allowsNull(node)) words.add('null');
  return [...words].join(' or ');
}

function describe(shape: SchemaNode): string {
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.enum)
    return shape.enum.length === 1 ? `only ${String(shape.enum[0])}` : `one of ${shape.enum.map(String).join(', ')}`;
  const types = (Array.isArray(shape.type) ? shape.type : [shape.type]).filter((type) => type !== 'null');
  switch (types[0]) {
    case 'integer':
      return `a whole number${range(shape)}`;
    case 'number':
      return `a number${range(shape)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'a text';
    case 'array': {
      const [first] = shape.prefixItems ?? [];
      const items = typeof first === 'object' ? `, each ${describe(first)}` : '';
      return `a list of ${shape.minItems ?? 'any number of'} values${items}`;
    }
    case 'object': {
      const keys = Object.keys(shape.properties ?? {});
      return keys.length === 0 ? 'a mapping' : `a mapping with ${keys.join(', ')}`;
    }
    case undefined:
    default:
      return 'another value';
  }
}

/** Bounds that say something: the largest safe integer does not. */
function range(shape: SchemaNode): string {
  const whole = shape.type === 'integer';
  const above = typeof shape.exclusiveMinimum === 'number' ? shape.exclusiveMinimum : null;
  const below = typeof shape.exclusiveMaximum === 'number' ? shape.exclusiveMaximum : null;
  const from = shape.minimum ?? (whole && above !== null ? above + 1 : null);
  const to = shape.maximum !== undefined && shape.maximum < Number.MAX_SAFE_INTEGER ? shape.maximum : null;
  if (from !== null && below === null && to !== null) return ` from ${from} to ${to}`;
  const bounds = [
    ...(from !== null ? [`at least ${from}`] : above !== null ? [`above ${above}`] : []),
    ...(below !== null ? [`below ${below}`] : to !== null ? [`at most ${to}`] : []),
  ];
  return bounds.length === 0 ? '' : `, ${bounds.join(' and ')}`;
}

function allowsNull(node: SchemaNode): boolean {
  if (Array.isArray(node.type) && node.type.includes('null')) return true;
  return [...(node.oneOf ?? []), ...(node.anyOf ?? [])].some((branch) => branch.type === 'null' || allowsNull(branch));
}
