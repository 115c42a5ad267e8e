import { AutoKey } from '../../contracts/auto-config.ts';
import { isPlainMap, valueAt } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';
import type { Plain } from './yaml-source.ts';

/** What `auto` at a place of graft.yaml stands for: the key keeps its default, and its name is listed under `auto`. */
export function withAutos(value: Plain): Plain {
  const found = AutoKey.options.filter((name) => valueAt(value, name.split('.')) === 'auto');
  if (found.length === 0 || !isPlainMap(value)) return value;
  const without = found.reduce<Plain>((left, name) => withoutKey(left, name.split('.')), value);
  const listed = valueAt(value, ['auto']);
  const before = Array.isArray(listed) ? listed : [];
  return { ...(isPlainMap(without) ? without : {}), auto: [...new Set([...before, ...found])] };
}

function withoutKey(value: Plain, [key = '', ...rest]: readonly string[]): Plain {
  if (!isPlainMap(value)) return value;
  const { [key]: inner, ...others } = value;
  if (rest.length === 0 || inner === undefined) return others;
  const left = withoutKey(inner, rest);
  // An optimizer that says its rate alone is the one that there is where nothing is said.
  const isEmpty = isPlainMap(left) && Object.keys(left).length === 0;
  return isEmpty ? others : { ...others, [key]: left };
}

/** Lets editors accept `auto` where it may stand. */
export function allowAutos(root: SchemaNode): SchemaNode {
  return AutoKey.options.reduce((schema, name) => allowed(schema, name.split('.')), root);
}

function allowed(node: SchemaNode, path: readonly string[]): SchemaNode {
  const [key = '', ...rest] = path;
  const within = (branches: SchemaNode['anyOf']): SchemaNode['anyOf'] => branches?.map((each) => allowed(each, path));
  if (node.oneOf) return { ...node, oneOf: within(node.oneOf) ?? [] };
  if (node.anyOf) return { ...node, anyOf: within(node.anyOf) ?? [] };
  const property = node.properties?.[key];
  if (typeof property !== 'object') return node;
  return {
    ...node,
    properties: { ...node.properties, [key]: rest.length === 0 ? orAuto(property) : allowed(property, rest) },
  };
}

function orAuto({ description, default: standard, ...shape }: SchemaNode): SchemaNode {
  const said = {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
  };
  return { ...said, anyOf: [shape, { const: 'auto' }] };
}
