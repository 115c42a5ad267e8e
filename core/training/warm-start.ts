import type { GraftError } from '../errors.ts';
import { inputError } from '../errors.ts';

/** `model.weights` for the version that `promote.alias` names when the run begins. */
export const CHAMPION = 'champion';

export interface Network {
  readonly backbone: string;
  readonly cut: string | null;
}

const remedy = 'use the champion’s own, or model.weights: imagenet';

/** WARM_START_NETWORK (input) where weights of one network can't be those of another; null where they fit. */
export function networkProblem(
  start: Network & { readonly model: string; readonly version: number },
  wanted: Network,
): GraftError | null {
  const where = `${start.model} version ${start.version}`;
  const name = ({ backbone, cut }: Network): string => (cut === null ? backbone : `${backbone} until ${cut}`);
  if (name(start) === name(wanted)) return null;
  return inputError('WARM_START_NETWORK', where, `weights of ${name(start)}`, `those of ${name(wanted)}`, remedy);
}

/** WARM_START_CLASSES (input) where the champion's head answers with other classes, or in another order. */
export function classesProblem(
  { model, version }: { readonly model: string; readonly version: number },
  known: readonly string[],
  wanted: readonly string[],
): GraftError | null {
  if (known.join('\n') === wanted.join('\n')) return null;
  const listed = (classes: readonly string[]): string =>
    classes.length > 8 ? `${classes.slice(0, 8).join(', ')} … (${classes.length})` : classes.join(', ');
  const where = `${model} version ${version}`;
  return inputError('WARM_START_CLASSES', where, `classes ${listed(known)}`, listed(wanted), 'model.weights: imagenet');
}
