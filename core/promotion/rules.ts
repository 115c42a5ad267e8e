import { coinTail } from './counts.ts';
import { comparePaired, winsAndLosses } from './paired.ts';
import type { PairedAnswers, PairedComparison } from './paired.ts';

/** A rule of the gate with what it saw: people read the explanation, scripts the numbers. */
export interface RuleOutcome {
  readonly rule: string;
  readonly passed: boolean;
  readonly explanation: string;
  readonly numbers?: Readonly<Record<string, number>>;
}

export interface ImprovementRule {
  /** mAP and mAP50 of a detector (map-rule.ts). */
  readonly metric: 'accuracy' | 'macroF1' | 'mAP' | 'mAP50';
  readonly margin: number;
  readonly confidence: number;
  readonly resamples: number;
}

export interface FallRule {
  readonly mayFall: number;
  readonly confidence: number;
}

/** A part of the test set: the images of a class, or those whose paths name a slice. */
export interface Part {
  readonly name: string;
  readonly rows: readonly number[];
}

export const show = (value: number): string => value.toFixed(4);
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${show(Math.abs(value))}`;
export const inPercent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
export const inCount = (count: number): string => count.toLocaleString('en');
export const showP = (p: number): string => (p < 0.0001 ? 'below 0.0001' : show(p));

/** Draws are the same for every comparison: a rerun of a run gives the same answer. */
const BOOTSTRAP_SEED = 1;

/**
 * Whether the challenger is better beyond the noise of the test set: the lower bound of the paired bootstrap must lie
 * above the margin. For accuracy McNemar's exact test must agree where a gain is asked for, because the bootstrap is
 * too sure of itself when only a few images tell the models apart.
 */
export function improvement(answers: PairedAnswers, rule: ImprovementRule, version: number): RuleOutcome[] {
  const { margin, confidence, resamples } = rule;
  const metric = rule.metric === 'macroF1' ? 'macroF1' : 'accuracy';
  const found = comparePaired(answers, { resamples, seed: BOOTSTRAP_SEED, confidence });
  const { change, lower } = found[metric];
  const passed = lower > margin;
  const bounds = `at ${inPercent(confidence)} confidence at least ${signed(lower)}, must be above ${signed(margin)}`;
  const outcome = {
    rule: `betterThanChampion.${metric}`,
    passed,
    explanation: `${metric} ${signed(change)} against version ${version} on the same ${inCount(found.images)} images (${bounds})`,
    numbers: { change, lower, upper: found[metric].upper, margin, images: found.images },
  };
  return metric === 'accuracy' && margin >= 0 ? [outcome, chance(found, confidence, version)] : [outcome];
}

function chance({ wins, losses, pValue }: PairedComparison, confidence: number, version: number): RuleOutcome {
  const limit = 1 - confidence;
  const passed = pValue <= limit;
  const counted = `${inCount(wins)} images right that version ${version} gets wrong, ${inCount(losses)} the other way`;
  const needed = passed ? '' : `: ${enough(wins + losses, limit)}`;
  return {
    rule: 'betterThanChampion.mcnemar',
    passed,
    explanation: `${counted}, p ${showP(pValue)} (at most ${show(limit)})${needed}`,
    numbers: { wins, losses, pValue, limit },
  };
}

/** How many of the images on which two models differ would have had to go one way. */
function enough(differing: number, limit: number): string {
  for (let wins = Math.ceil(differing / 2); wins <= differing; wins++) {
    if (coinTail(wins, differing - wins) <= limit) return `of ${inCount(differing)} it takes ${inCount(wins)}`;
  }
  return `${inCount(differing)} differing ${differing === 1 ? 'image' : 'images'} can show nothing; a larger test set can`;
}

/**
 * Whether a part of the test set has fallen behind: by more than may be, and more than chance explains (McNemar's exact
 * test the other way round, its limit divided by the number of parts: Bonferroni, so that looking at many classes does
 * not refuse a good model).
 */
export function noPartWorse(
  rule: 'noClassWorse' | 'noSliceWorse',
  parts: readonly Part[],
  answers: PairedAnswers,
  { mayFall, confidence }: FallRule,
): RuleOutcome {
  const limit = (1 - confidence) / Math.max(1, parts.length);
  const seen = parts.flatMap(({ name, rows }) => {
    if (rows.length === 0) return [];
    const { wins, losses } = winsAndLosses(answers, rows);
    const change = (wins - losses) / rows.length;
    const p = coinTail(losses, wins);
    // A tie at the limit is a tie whatever rounding says.
    return [{ name, images: rows.length, wins, losses, change, p, fell: change < -mayFall - 1e-12 && p <= limit }];
  });
  const fallen = seen.filter(({ fell }) => fell).sort((a, b) => a.change - b.change);
  const worst = seen.reduce<(typeof seen)[number] | null>((a, b) => (a && a.change <= b.change ? a : b), null);
  const told = (fallen.length > 0 ? fallen : worst ? [worst] : []).slice(0, 5);
  const words = told.map(
    ({ name, change, images, wins, losses, p }) =>
      `${name} ${signed(change)} on ${inCount(images)} images (${losses} lost, ${wins} won, p ${showP(p)})`,
  );
  const head =
    fallen.length > 0 ? `${fallen.length} of ${seen.length} fell` : `none of ${seen.length} fell; the lowest`;
  return {
    rule,
    passed: fallen.length === 0,
    explanation: `${head}: ${words.join('; ')} (may fall by ${show(mayFall)}, p at most ${show(limit)})`,
    numbers: { parts: seen.length, fallen: fallen.length, mayFall, limit, ...(worst ? { lowest: worst.change } : {}) },
  };
}

/** The parts by class, from the labels. */
export function classParts(labels: ArrayLike<number>, classes: readonly string[]): Part[] {
  const rows = classes.map((): number[] => []);
  for (let row = 0; row < labels.length; row++) rows[labels[row] ?? -1]?.push(row);
  return classes.map((name, index) => ({ name, rows: rows[index] ?? [] }));
}

/** The parts by slice: what the expression's first group says of each path; images it does not match are in none. */
export function sliceParts(paths: readonly string[], by: string): Part[] {
  const pattern = new RegExp(by, 'u');
  return namedParts(paths.map((path) => pattern.exec(path)?.[1]));
}

/** Rows of one name together, by name; those without one are in none. */
export function namedParts(names: readonly (string | undefined)[]): Part[] {
  const slices = new Map<string, number[]>();
  for (const [row, name] of names.entries()) {
    if (name === undefined) continue;
    const rows = slices.get(name);
    if (rows) rows.push(row);
    else slices.set(name, [row]);
  }
  return [...slices].map(([name, rows]) => ({ name, rows })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface Cost {
  readonly sizeBytes: number;
  /** Median time of one image; null where no limit asks for it. */
  readonly latencyMs: number | null;
}

export interface Limits {
  readonly sizeMb: number | null;
  readonly latencyMs: number | null;
}

/** What the model may cost where it is used. */
export function withinLimits(cost: Cost, limits: Limits): RuleOutcome[] {
  const rows = [
    ['limits.sizeMb', cost.sizeBytes / 1e6, limits.sizeMb, 'MB of weights'],
    ['limits.latencyMs', cost.latencyMs, limits.latencyMs, 'ms for one image (median on this machine)'],
  ] as const;
  return rows.flatMap(([rule, value, limit, unit]) => {
    if (limit === null) return [];
    const passed = value !== null && value <= limit;
    const seen = value === null ? 'not measured' : value.toFixed(2);
    return [
      {
        rule,
        passed,
        explanation: `${seen} ${unit}, at most ${limit}`,
        numbers: { limit, ...(value === null ? {} : { value }) },
      },
    ];
  });
}
