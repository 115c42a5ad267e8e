import { backboneFacts } from '../backbone-facts.ts';
import type { Json } from '../canonical-json.ts';
import { assemble, contains, isOf, valueAt } from '../search/space.ts';
import type { Parameter, Space, Values } from '../search/space.ts';
import { advise } from './advise.ts';
import type { Advice, AdviceFacts } from './advise.ts';

type JsonMap = { readonly [key: string]: Json | undefined };

/** What is known of a sweep's data; likeness is not measured, so their size decides. */
export type SweepFacts = Omit<AdviceFacts, 'pretrained' | 'probe'>;

/**
 * The advisor's pick as settings of a space: numbers go to the nearest allowed value, and what it says nothing of is the
 * base's. Null where the space has no place for it.
 */
export function firstTrial(space: Space, base: JsonMap, facts: SweepFacts): Values | null {
  const pretrained = backboneFacts[facts.backbone].hasImagenet;
  const advised = settingsOf(advise({ ...facts, pretrained, probe: null }), facts);
  const draw = ({ name, domain }: Parameter): Json => {
    const value = advised[name] ?? at(base, name.split('.'));
    if (domain.kind === 'choice' || typeof value !== 'number') return value ?? null;
    if (contains(domain, value)) return value;
    return valueAt(domain, domain.log ? Math.log(value) : value);
  };
  const values = assemble(space, draw);
  return values !== null && isOf(space, values) ? values : null;
}

function settingsOf({ strategy, lastN, learningRate, backboneRate }: Advice, { backbone }: SweepFacts): Values {
  return {
    'model.backbone': backbone,
    'model.strategy': strategy,
    ...(lastN === null ? {} : { 'model.lastN': lastN }),
    ...(learningRate === null ? {} : { 'train.optimizer.learningRate': learningRate }),
    'train.backboneRate': backboneRate,
  };
}

function at(base: JsonMap, [key = '', ...rest]: readonly string[]): Json | undefined {
  const value = base[key];
  if (rest.length === 0) return value;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? at(value as JsonMap, rest) : undefined;
}
