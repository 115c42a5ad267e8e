import type { Json } from '../canonical-json.ts';

/** What a hyperparameter of TensorBoard's HParams plugin can be. */
export type HparamValue = number | string | boolean;

export type HparamDomain =
  | { readonly kind: 'values'; readonly values: readonly HparamValue[] }
  | { readonly kind: 'interval'; readonly min: number; readonly max: number }
  /** Any number, text or yes-or-no, as the sessions show. */
  | { readonly kind: 'any'; readonly type: 'number' | 'string' | 'boolean' };

/** A dimension of a sweep, as far as its table needs it: the path of a key of graft.yaml and what it may be. */
export interface HparamDimension {
  readonly path: string;
  readonly domain: HparamDomain;
  /** Whether runs side by side have different values: TensorBoard shows these columns first. */
  readonly differs?: boolean;
}

/** Sections of graft.yaml that say how a model is made; where its pictures lie and who is told is no hyperparameter. */
const SECTIONS = ['dataset.split', 'image', 'augment', 'model', 'train'];
/** Keys that change no bit of the result. */
const INDIFFERENT = [/^train\.checkpoint\./, /^train\.memoryLimitMb$/, /^augment\.cachedVariants$/];

/**
 * A configuration as flat hyperparameters by path (`train.optimizer.learningRate`): those of `space` where a sweep names
 * them, else everything that decides how the model is made. Null and absent keys are left out; lists are written as
 * JSON, since the HParams plugin has no lists.
 */
export function hparamsOf(config: Json, space?: readonly HparamDimension[]): Readonly<Record<string, HparamValue>> {
  const all = new Map<string, HparamValue>();
  flatten(config, '', all);
  const wanted = (path: string): boolean =>
    space === undefined
      ? SECTIONS.some((section) => path.startsWith(`${section}.`)) && !INDIFFERENT.some((key) => key.test(path))
      : space.some((dimension) => dimension.path === path);
  const chosen = [...all].filter(([path]) => wanted(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(chosen);
}

function flatten(value: Json | undefined, path: string, into: Map<string, HparamValue>): void {
  if (value === null || value === undefined) return;
  if (typeof value !== 'object') {
    into.set(path, value);
  } else if (Array.isArray(value)) {
    into.set(path, JSON.stringify(value));
  } else {
    for (const [key, item] of Object.entries(value)) flatten(item, path === '' ? key : `${path}.${key}`, into);
  }
}
