import type { PairedAnswers } from '../../core/promotion/paired.ts';
import { stream } from '../../core/rng.ts';

/** What two real models said of the same pictures: many more than a test set has. */
export interface RealPair {
  readonly name: string;
  readonly classes: number;
  readonly labels: readonly number[];
  readonly one: readonly number[];
  readonly other: readonly number[];
}

/** Shares of the pool: both are right, and only one of them. */
export function agreement({ labels, one, other }: RealPair): { readonly both: number; readonly onlyOne: number } {
  let [both, onlyOne] = [0, 0];
  for (const [row, label] of labels.entries()) {
    const [first, second] = [one[row] === label, other[row] === label];
    if (first && second) both++;
    else if (first !== second) onlyOne++;
  }
  return { both: both / labels.length, onlyOne: onlyOne / labels.length };
}

/**
 * Test set number `draw`: pictures of the pool with replacement. Where only one of the two is right, a coin says which of
 * them is called the challenger, so that the true difference is `gain` (0: nothing tells the two apart) and what they
 * have in common stays what it is.
 */
export function drawFrom(pair: RealPair, gain: number, images: number, draw: number): PairedAnswers {
  const { onlyOne } = agreement(pair);
  const winning = (1 + gain / onlyOne) / 2;
  const random = stream(20261127, 'real-pair');
  const answers = { labels: [] as number[], challenger: [] as number[], champion: [] as number[] };
  for (let image = 0; image < images; image++) {
    const row = Math.floor(random.uniform(draw, image, 0) * pair.labels.length);
    const [label = 0, one = 0, other = 0] = [pair.labels[row], pair.one[row], pair.other[row]];
    const coin = random.uniform(draw, image, 1);
    const oneChallenges = one === label || other !== label ? coin < winning : coin >= winning;
    answers.labels.push(label);
    answers.challenger.push(oneChallenges ? one : other);
    answers.champion.push(oneChallenges ? other : one);
  }
  return { classes: pair.classes, ...answers };
}
