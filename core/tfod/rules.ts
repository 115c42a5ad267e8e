import type { Leaf } from './leaves.ts';

/** Plain data for graft.yaml. */
export type Setting = number | string | boolean | null | readonly Setting[] | { readonly [key: string]: Setting };

/** What becomes of a field: it is a key here; graft does it anyway; it becomes something near; or nothing. */
export type Outcome =
  | { readonly kind: 'mapped'; readonly key: string; readonly value: Setting }
  | { readonly kind: 'same'; readonly note: string }
  | { readonly kind: 'changed'; readonly key: string | null; readonly value: Setting; readonly note: string }
  | { readonly kind: 'unsupported'; readonly note: string };

export type Rule = (leaf: Leaf, all: readonly Leaf[]) => Outcome;
/** Rules by the end of a path behind its prefix. */
export type Rules = Readonly<Record<string, Rule>>;

const first = ({ values }: Leaf): number | string | boolean => values[0] ?? '{}';

/** A number, text or switch that is a key of graft.yaml. */
export const to =
  (key: string): Rule =>
  (leaf) => ({ kind: 'mapped', key, value: first(leaf) });

/** A field that says by being there that a key has this value. */
export const be =
  (key: string, value: Setting): Rule =>
  () => ({ kind: 'mapped', key, value });

/** A repeated field that is a list in graft.yaml. */
export const toList =
  (key: string): Rule =>
  ({ values }) => ({ kind: 'mapped', key, value: [...values] });

/** A choice: each word or number that graft knows and what it is here. */
export const choose =
  (key: string, known: Readonly<Record<string, Setting>>): Rule =>
  (leaf) => {
    const word = String(first(leaf));
    const value = Object.hasOwn(known, word) ? known[word] : undefined;
    if (value !== undefined) return { kind: 'mapped', key, value };
    return { kind: 'unsupported', note: `graft has ${Object.keys(known).join(', ')}` };
  };

/** What graft does in any case; another value is named. */
export const fixed =
  (expected: number | string | boolean, note = 'as graft has it'): Rule =>
  (leaf) =>
    first(leaf) === expected
      ? { kind: 'same', note }
      : { kind: 'unsupported', note: `graft has ${String(expected)} there` };

/** No matter what it says. */
export const idle =
  (note: string): Rule =>
  () => ({ kind: 'same', note });

export const unsupported =
  (note: string): Rule =>
  () => ({ kind: 'unsupported', note });

export const changed =
  (key: string | null, value: (leaf: Leaf, all: readonly Leaf[]) => Setting, note: string): Rule =>
  (leaf, all) => ({ kind: 'changed', key, value: value(leaf, all), note });

/** Under a path of their own. */
export function under(prefix: string, rules: Rules): Rules {
  return Object.fromEntries(
    Object.entries(rules).map(([path, rule]) => [path === '' ? prefix : `${prefix}.${path}`, rule]),
  );
}

export function valueAt(all: readonly Leaf[], end: string): number | string | boolean | undefined {
  return all.find(({ path }) => path.endsWith(end))?.values[0];
}

export const isFocal = (all: readonly Leaf[]): boolean =>
  all.some(({ path }) => path.includes('.weighted_sigmoid_focal'));
