import { unreachable } from '../errors.ts';
import { mapImprovement } from './map-rule.ts';
import type { MapComparison } from './map-rule.ts';
import type { PairedAnswers } from './paired.ts';
import { classParts, improvement, noPartWorse, show, sliceParts, withinLimits } from './rules.ts';
import type { Cost, FallRule, ImprovementRule, Limits, RuleOutcome } from './rules.ts';

/** The metrics a gate may look at; all in [0, 1], larger is better. */
export type GatedMetric = 'accuracy' | 'top5' | 'macroF1' | 'macroPrecision' | 'macroRecall' | 'mAP' | 'mAP50';
/** Of a classifier without mAP. */
export type Scores = Readonly<Partial<Record<GatedMetric, number>>>;

export interface GateRules {
  readonly minimum: Readonly<Partial<Record<GatedMetric, number>>>;
  /** How much a metric may fall below the champion's. */
  readonly noWorseThanChampion: Readonly<Partial<Record<GatedMetric, number>>>;
  /** Null: not asked for. */
  readonly betterThanChampion: ImprovementRule | null;
  readonly noClassWorse: FallRule | null;
  readonly noSliceWorse: (FallRule & { readonly by: string }) | null;
  readonly limits: Limits;
  readonly allowClassMapChange: boolean;
}

export interface Challenger {
  readonly scores: Scores;
  readonly classes: readonly string[];
  readonly cost: Cost;
}

/** What both said of every image of one test set. */
export interface SameTestSet {
  readonly answers: PairedAnswers;
  /** Relative paths of the images, for slices. */
  readonly paths: readonly string[];
  /** Of detectors, whose answers are object by object: what the images say of the change in mAP. */
  readonly maps?: MapComparison;
}

/** The champion as it was found: absent, gone or damaged, with another class map, or scored on the same test set. */
export type ChampionState =
  | { readonly kind: 'none' }
  | { readonly kind: 'itself'; readonly version: number }
  | { readonly kind: 'unreadable'; readonly version: number; readonly why: string }
  | { readonly kind: 'other-classes'; readonly version: number; readonly classes: readonly string[] }
  | { readonly kind: 'scored'; readonly version: number; readonly scores: Scores; readonly test: SameTestSet };

export interface GateDecision {
  readonly decision: 'promote' | 'refuse';
  readonly rules: RuleOutcome[];
}

/** Every rule with its numbers, passed or not; the model is promoted only where all pass. Pure. */
export function judge(challenger: Challenger, champion: ChampionState, rules: GateRules): GateDecision {
  const outcomes = [
    ...floors(challenger.scores, rules),
    ...withinLimits(challenger.cost, rules.limits),
    ...againstChampion(challenger, champion, rules),
  ];
  if (outcomes.length === 0) outcomes.push(pass('no-rule', 'no rule is set: every model is promoted'));
  return { decision: outcomes.every((rule) => rule.passed) ? 'promote' : 'refuse', rules: outcomes };
}

const pass = (rule: string, explanation: string): RuleOutcome => ({ rule, passed: true, explanation });

function floors(scores: Scores, rules: GateRules): RuleOutcome[] {
  return metricsOf(rules.minimum).map(([metric, floor]) => {
    const value = scores[metric] ?? 0;
    return {
      rule: `minimum.${metric}`,
      passed: value >= floor,
      explanation: `${metric} ${show(value)} ${value >= floor ? 'reaches' : 'is below'} the floor ${show(floor)}`,
      numbers: { value, limit: floor },
    };
  });
}

function againstChampion(challenger: Challenger, champion: ChampionState, rules: GateRules): RuleOutcome[] {
  switch (champion.kind) {
    case 'none':
      return [pass('champion', 'there is no champion yet: the floors alone decide')];
    case 'itself':
      return [pass('champion', `version ${champion.version} is already the champion`)];
    case 'unreadable': {
      const remedy = 'graft models verify says what is wrong; graft models rollback or promote puts a whole one there';
      const explanation = `the champion (version ${champion.version}) can't be compared with: ${champion.why} — ${remedy}`;
      return [{ rule: 'champion', passed: false, explanation }];
    }
    case 'other-classes': {
      const explanation = `the champion (version ${champion.version}) knows ${classChange(champion.classes, challenger.classes)}`;
      return [{ rule: 'class-map', passed: rules.allowClassMapChange, explanation }];
    }
    case 'scored':
      return compared(challenger, champion, rules);
    default:
      return unreachable(champion);
  }
}

function compared(
  challenger: Challenger,
  { version, scores, test }: Extract<ChampionState, { kind: 'scored' }>,
  rules: GateRules,
): RuleOutcome[] {
  const { betterThanChampion, noClassWorse, noSliceWorse } = rules;
  const { answers, paths, maps } = test;
  return [
    ...metricsOf(rules.noWorseThanChampion).map(([metric, margin]) => {
      const [ours, theirs] = [challenger.scores[metric] ?? 0, scores[metric] ?? 0];
      // Differences of two quotients carry rounding; a tie must stay a tie.
      const passed = ours >= theirs - margin - 1e-12;
      const explanation = `${metric} ${show(ours)} against ${show(theirs)} of version ${version} on the same test set (may fall by ${show(margin)})`;
      return { rule: `noWorseThanChampion.${metric}`, passed, explanation, numbers: { ours, theirs, margin } };
    }),
    ...(betterThanChampion ? better({ answers, maps }, betterThanChampion, version) : []),
    ...(noClassWorse
      ? [noPartWorse('noClassWorse', classParts(answers.labels, challenger.classes), answers, noClassWorse)]
      : []),
    ...(noSliceWorse ? [noPartWorse('noSliceWorse', sliceParts(paths, noSliceWorse.by), answers, noSliceWorse)] : []),
  ];
}

function better(
  { answers, maps }: Pick<SameTestSet, 'answers'> & { readonly maps: MapComparison | undefined },
  rule: ImprovementRule,
  version: number,
): RuleOutcome[] {
  return maps ? [mapImprovement(maps, rule, version)] : improvement(answers, rule, version);
}

function classChange(theirs: readonly string[], ours: readonly string[]): string {
  const gained = ours.filter((name) => !theirs.includes(name));
  const lost = theirs.filter((name) => !ours.includes(name));
  const parts = [
    gained.length > 0 ? `no ${gained.slice(0, 5).join(', ')}` : '',
    lost.length > 0 ? `also ${lost.slice(0, 5).join(', ')}` : '',
  ].filter((part) => part !== '');
  return parts.length > 0 ? parts.join(' and ') : 'the same classes in another order';
}

function metricsOf(record: Readonly<Partial<Record<GatedMetric, number>>>): [GatedMetric, number][] {
  const known: readonly GatedMetric[] = [
    'accuracy',
    'top5',
    'macroF1',
    'macroPrecision',
    'macroRecall',
    'mAP',
    'mAP50',
  ];
  return known.flatMap((metric): [GatedMetric, number][] => {
    const value = record[metric];
    return value === undefined ? [] : [[metric, value]];
  });
}
