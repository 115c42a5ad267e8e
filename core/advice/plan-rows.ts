import type { Strategy } from '../training/frozen-prefix.ts';
import type { Advice } from './advise.ts';

/** A way to train that is planned for. */
export interface PlanChoice {
  readonly strategy: Strategy;
  readonly lastN: number;
  readonly cut: string | null;
  /** The pipeline file's own. */
  readonly configured: boolean;
  readonly advised: boolean;
}

/** The file's own way first, then the advised one, then the others: each once. */
export function planChoices(
  own: { readonly strategy: Strategy; readonly lastN: number; readonly cut: string | null },
  advice: Pick<Advice, 'strategy' | 'lastN' | 'cut'>,
  others: readonly Strategy[],
): PlanChoice[] {
  const lastN = advice.lastN ?? own.lastN;
  const wanted = [own, { ...advice, lastN }, ...others.map((strategy) => ({ strategy, lastN, cut: null }))];
  const found = new Map<string, PlanChoice>();
  for (const { strategy, lastN: n, cut } of wanted) {
    const name = choiceName({ strategy, lastN: n, cut });
    if (found.has(name)) continue;
    const is = (each: typeof own): boolean => choiceName(each) === name;
    found.set(name, { strategy, lastN: n, cut, configured: is(own), advised: is({ ...advice, lastN }) });
  }
  return [...found.values()];
}

/** `last-n 2`, `svm at blocks.10`. */
export function choiceName({ strategy, lastN, cut }: Pick<PlanChoice, 'strategy' | 'lastN' | 'cut'>): string {
  if (strategy === 'last-n') return `last-n ${lastN}`;
  return cut === null ? strategy : `${strategy} at ${cut}`;
}

/** Choices with the same key run the same steps: they are measured once. */
export function measuredAs(choice: Pick<PlanChoice, 'strategy' | 'lastN' | 'cut'>): string {
  switch (choice.strategy) {
    case 'linear-probe':
    case 'svm':
    case 'head':
      return choiceName({ ...choice, strategy: 'head' });
    case 'last-n':
      return choiceName(choice);
    case 'gradual':
    case 'full':
    case 'scratch':
      return 'full';
  }
}
