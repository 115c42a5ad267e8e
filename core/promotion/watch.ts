import { coinTail, normalTail } from './counts.ts';
import { inCount, showP, show } from './rules.ts';

/** What new labelled pictures say of the model that is in use. */
export interface WatchedModel {
  readonly version: number;
  readonly seen: { readonly accuracy: number; readonly images: number };
  /** On its test set, when it was evaluated. */
  readonly recorded: { readonly accuracy: number; readonly images: number };
  /** The version before on the same pictures: what the champion alone gets right, and what that one alone. */
  readonly before: { readonly version: number; readonly wins: number; readonly losses: number } | null;
  /** What validation found of the data beside those that it was trained with. */
  readonly drift: readonly string[];
}

export interface WatchVerdict {
  readonly verdict: 'fine' | 'drifted' | 'worse' | 'roll-back';
  readonly reason: string;
  /** That the version before is so much better by chance. */
  readonly pValue: number | null;
}

/**
 * Whether the model still is what it was promoted for. `roll-back` where the version before is better beyond chance on the
 * same pictures (McNemar's exact test): that is the one thing a rollback mends. `worse` where the accuracy fell by more
 * than may be, and by more than two samples of these sizes differ by chance. `drifted` where only the pictures changed. Pure.
 */
export function judgeWatch(
  { version, seen, recorded, before, drift }: WatchedModel,
  { mayFall, confidence }: { readonly mayFall: number; readonly confidence: number },
): WatchVerdict {
  const limit = 1 - confidence;
  const figures = `accuracy ${show(seen.accuracy)} on ${inCount(seen.images)} new images, ${show(recorded.accuracy)} when it was tested`;
  const pValue = before ? coinTail(before.losses, before.wins) : null;
  if (before && pValue !== null && pValue <= limit) {
    const counted = `${inCount(before.losses)} images that version ${before.version} alone gets right, ${inCount(before.wins)} the other way`;
    return {
      verdict: 'roll-back',
      reason: `version ${before.version} is better than ${version}: ${counted}, p ${showP(pValue)}`,
      pValue,
    };
  }
  const p = fallByChance(seen, recorded);
  if (recorded.accuracy - seen.accuracy > mayFall + 1e-12 && p <= limit) {
    const reason = `version ${version} has become worse: ${figures}, p ${showP(p)} (may fall by ${show(mayFall)})`;
    return { verdict: 'worse', reason, pValue };
  }
  if (drift.length > 0) return { verdict: 'drifted', reason: `${figures}; ${drift.join('; ')}`, pValue };
  return { verdict: 'fine', reason: `version ${version}: ${figures}`, pValue };
}

interface Share {
  readonly accuracy: number;
  readonly images: number;
}

/** How often two samples of one share differ so much downwards: the z test of two proportions with the pooled variance. */
function fallByChance(seen: Share, recorded: Share): number {
  const images = seen.images + recorded.images;
  const pooled = (seen.accuracy * seen.images + recorded.accuracy * recorded.images) / images;
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / seen.images + 1 / recorded.images));
  const fall = recorded.accuracy - seen.accuracy;
  return deviation === 0 ? (fall > 0 ? 0 : 1) : normalTail(fall / deviation);
}
