/** The metrics a gate may look at; all in [0, 1], larger is better. */
export type GatedMetric = 'accuracy' | 'top5' | 'macroF1' | 'macroPrecision' | 'macroRecall';
export type Scores = Readonly<Record<GatedMetric, number>>;

export interface GateRules {
  readonly minimum: Readonly<Partial<Record<GatedMetric, number>>>;
  /** How much a metric may fall below the champion's. */
  readonly noWorseThanChampion: Readonly<Partial<Record<GatedMetric, number>>>;
  readonly allowClassMapChange: boolean;
}

/** The champion as it was found: absent, with another class map, or scored on the challenger's own test set. */
export type ChampionState =
  | { readonly kind: 'none' }
  | { readonly kind: 'itself'; readonly version: number }
  | { readonly kind: 'other-classes'; readonly version: number; readonly classes: readonly string[] }
  | { readonly kind: 'scored'; readonly version: number; readonly scores: Scores };

export interface RuleOutcome {
  readonly rule: string;
  readonly passed: boolean;
  readonly explanation: string;
}

export interface GateDecision {
  readonly decision: 'promote' | 'refuse';
  readonly rules: RuleOutcome[];
}

/** Every rule with its numbers, passed or not; the model is promoted only where all pass. Pure. */
export function judge(
  challenger: { readonly scores: Scores; readonly classes: readonly string[] },
  champion: ChampionState,
  rules: GateRules,
): GateDecision {
  const outcomes = [...floors(challenger.scores, rules), ...againstChampion(challenger, champion, rules)];
  return { decision: outcomes.every((rule) => rule.passed) ? 'promote' : 'refuse', rules: outcomes };
}

function floors(scores: Scores, rules: GateRules): RuleOutcome[] {
  return metricsOf(rules.minimum).map(([metric, floor]) => ({
    rule: `minimum.${metric}`,
    passed: scores[metric] >= floor,
    explanation: `${metric} ${show(scores[metric])} ${scores[metric] >= floor ? 'reaches' : 'is below'} the floor ${show(floor)}`,
  }));
}

function againstChampion(
  challenger: { readonly scores: Scores; readonly classes: readonly string[] },
  champion: ChampionState,
  rules: GateRules,
): RuleOutcome[] {
  switch (champion.kind) {
    case 'none':
      return [{ rule: 'champion', passed: true, explanation: 'there is no champion yet: the floors alone decide' }];
    case 'itself':
      return [{ rule: 'champion', passed: true, explanation: `version ${champion.version} is already the champion` }];
    case 'other-classes': {
      const explanation = `the champion (version ${champion.version}) knows ${classChange(champion.classes, challenger.classes)}`;
      return [{ rule: 'class-map', passed: rules.allowClassMapChange, explanation }];
    }
    case 'scored':
      return metricsOf(rules.noWorseThanChampion).map(([metric, margin]) => {
        const [ours, theirs] = [challenger.scores[metric], champion.scores[metric]];
        // Differences of two quotients carry rounding; a tie must stay a tie.
        const passed = ours >= theirs - margin - 1e-12;
        const explanation = `${metric} ${show(ours)} against ${show(theirs)} of version ${champion.version} on the same test set (may fall by ${show(margin)})`;
        return { rule: `noWorseThanChampion.${metric}`, passed, explanation };
      });
  }
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
  const known: readonly GatedMetric[] = ['accuracy', 'top5', 'macroF1', 'macroPrecision', 'macroRecall'];
  return known.flatMap((metric): [GatedMetric, number][] => {
    const value = record[metric];
    return value === undefined ? [] : [[metric, value]];
  });
}

const show = (value: number): string => value.toFixed(4);
