import { inCount, inPercent, show, signed } from './rules.ts';
import type { ImprovementRule, RuleOutcome } from './rules.ts';

interface Bounds {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** By how much one detector's mAP lies above another's on the same images, with bounds at the rule's confidence. */
export interface MapComparison {
  readonly images: number;
  readonly mAP: Bounds;
  readonly mAP50: Bounds;
}

/** As `improvement` of a classifier: the lower bound of the paired bootstrap over images must lie above the margin. */
export function mapImprovement(maps: MapComparison, rule: ImprovementRule, version: number): RuleOutcome {
  const metric = rule.metric === 'mAP' ? 'mAP' : 'mAP50';
  const { value: change, low, high } = maps[metric];
  const { margin, confidence } = rule;
  const bounds = `at ${inPercent(confidence)} confidence at least ${signed(low)}, must be above ${signed(margin)}`;
  return {
    rule: `betterThanChampion.${metric}`,
    passed: low > margin,
    explanation: `${metric} ${signed(change)} against version ${version} on the same ${inCount(maps.images)} images (${bounds}); ${show(high)} at most`,
    numbers: { change, lower: low, upper: high, margin, images: maps.images },
  };
}
