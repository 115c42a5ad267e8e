import type { RandomStream } from '../rng.ts';

export interface SamplerOptions {
  /** How many examples of an image count. */
  readonly size: number;
  /** At most this share of them has an object; background takes what is left. */
  readonly positiveShare: number;
}

/** Faster R-CNN’s first stage: 256 anchors an image, half of them with objects at most. */
export const rpnSampler: SamplerOptions = { size: 256, positiveShare: 0.5 };
/** Its second stage: 64 proposals, a quarter with objects at most. */
export const roiSampler: SamplerOptions = { size: 64, positiveShare: 0.25 };

/** What an example is: it has an object, has none, or counts for neither. */
export type Example = 1 | 0 | -1;

/**
 * Which examples count: 1 or 0 each (research/object_detection `core/balanced_positive_negative_sampler.py`). Positives
 * and negatives are drawn evenly; where there are too few positives, negatives take their place, and never the other way
 * round. A draw is a function of the stream’s address and the example’s place alone.
 */
export function sampleBalanced(
  examples: ArrayLike<number>,
  { size, positiveShare }: SamplerOptions,
  random: RandomStream,
  address: { readonly epoch: number; readonly index: number },
): Uint8Array {
  const chosen = new Uint8Array(examples.length);
  const places = (kind: Example): number[] => {
    const own: number[] = [];
    for (let i = 0; i < examples.length; i++) if (examples[i] === kind) own.push(i);
    return own;
  };
  const pick = (from: readonly number[], count: number): number => {
    const wanted = Math.min(count, from.length);
    for (const place of wanted < from.length ? smallest(from, wanted, random, address) : from) chosen[place] = 1;
    return wanted;
  };
  const positives = pick(places(1), Math.floor(size * positiveShare));
  pick(places(0), size - positives);
  return chosen;
}

/** The `count` places that draw the smallest numbers; four places share the words of one draw. */
function smallest(
  places: readonly number[],
  count: number,
  random: RandomStream,
  { epoch, index }: { readonly epoch: number; readonly index: number },
): number[] {
  const drawn = new Map<number, readonly number[]>();
  const wordOf = (place: number): number => {
    const block = place >> 2;
    const words = drawn.get(block) ?? random.words(epoch, index, block);
    drawn.set(block, words);
    return words[place & 3] ?? 0;
  };
  const keyed = places.map((place) => ({ place, word: wordOf(place) }));
  return keyed
    .sort((a, b) => a.word - b.word || a.place - b.place)
    .slice(0, count)
    .map(({ place }) => place);
}
