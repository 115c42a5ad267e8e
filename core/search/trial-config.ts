import { backboneFacts } from '../backbone-facts.ts';
import type { Json } from '../canonical-json.ts';
import type { Values } from './space.ts';

type JsonMap = { readonly [key: string]: Json | undefined };

const isMap = (value: Json | undefined): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A pipeline's configuration with a trial's values at their dotted keys. Where a `kind` becomes another one, what stood
 * beside it belonged to the old one and goes: its defaults are filled in where the configuration is read.
 */
export function withValues(base: JsonMap, values: Values): JsonMap {
  const names = Object.keys(values).sort((a, b) => Number(isKind(b)) - Number(isKind(a)) || (a < b ? -1 : 1));
  const changed = names.reduce((config, name) => put(config, name.split('.'), values[name] ?? null), base);
  return 'model.weights' in values ? changed : withFittingWeights(changed);
}

const isKind = (name: string): boolean => name.endsWith('.kind');

function put(config: JsonMap, [key = '', ...rest]: readonly string[], value: Json): JsonMap {
  if (rest.length === 0) return { ...config, [key]: value };
  const inner = config[key];
  const map = isMap(inner) ? inner : {};
  if (rest.length === 1 && rest[0] === 'kind' && map['kind'] !== value) return { ...config, [key]: { kind: value } };
  return { ...config, [key]: put(map, rest, value) };
}

/** Random weights for a network from scratch, and for one of which none are published: as in a pipeline file that names none. */
function withFittingWeights(config: JsonMap): JsonMap {
  const { model } = config;
  if (!isMap(model) || model['weights'] !== 'imagenet') return config;
  const facts = Object.entries(backboneFacts).find(([name]) => name === model['backbone'])?.[1];
  const random = model['strategy'] === 'scratch' || facts?.hasImagenet === false;
  return random ? { ...config, model: { ...model, weights: 'random' } } : config;
}
