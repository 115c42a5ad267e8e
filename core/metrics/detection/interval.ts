import { stream } from '../../rng.ts';
import { byCategory, byImage, mean } from './boxes.ts';
import type { DetectionSet } from './boxes.ts';
import { readAtRecalls } from './coco.ts';
import { AREA_RANGES, HIT, iouThresholds, matchClass, MISSED, withIous } from './coco-matching.ts';
import type { Matched } from './coco-matching.ts';

/** A figure of the images at hand, and where it would lie on other images like them. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly resamples: number;
  /** Share of the resamples that the interval covers. */
  readonly level: number;
  readonly seed: number;
}

export const bootstrapDefaults: BootstrapOptions = { resamples: 300, level: 0.95, seed: 1 };

export interface PrecisionIntervals {
  readonly AP: Interval;
  readonly AP50: Interval;
}

/**
 * COCO’s AP and AP50 with basic bootstrap intervals (Davison and Hinkley 1997, §5.2.1): twice the figure less the quantiles
 * of the resamples, because the envelope of precision makes AP of few images too high, and of resampled ones higher still; a
 * bound may lie beyond 1. Images, not boxes, are drawn anew, since the boxes of one image hang together. Matches stay as they are, so a resample costs one pass over the
 * detections of a class. The draws are addressed: the same seed gives the same interval.
 */
export function precisionIntervals(set: DetectionSet, options = bootstrapDefaults): PrecisionIntervals {
  const classes = matchedClasses(set);
  return intervalsOf(
    resampled(set.images, options, (weights) => precisionsOf(classes, weights)),
    options.level,
  );
}

export interface PrecisionDifference extends PrecisionIntervals {
  /** Share of the resamples in which the second set’s AP50 is the higher one; half of those that tie. */
  readonly betterAP50: number;
}

/** By how much `other` is better than `set`: both on the same images in every resample, which takes out what they share. */
export function precisionDifference(
  set: DetectionSet,
  other: DetectionSet,
  options = bootstrapDefaults,
): PrecisionDifference {
  const [first, second] = [matchedClasses(set), matchedClasses(other)];
  const differences = resampled(set.images, options, (weights) => {
    const [ours, theirs] = [precisionsOf(first, weights), precisionsOf(second, weights)];
    return { AP: theirs.AP - ours.AP, AP50: theirs.AP50 - ours.AP50 };
  });
  const drawn = differences.slice(1);
  const better = drawn.reduce((sum, { AP50 }) => sum + (AP50 > 0 ? 1 : AP50 === 0 ? 0.5 : 0), 0);
  return { ...intervalsOf(differences, options.level), betterAP50: better / drawn.length };
}

interface Precisions {
  readonly AP: number;
  readonly AP50: number;
}

function matchedClasses(set: DetectionSet): Matched[] {
  const truths = byCategory(set.truths, set.categories.length);
  const detections = byCategory(set.detections, set.categories.length);
  return set.categories.map((_, category) =>
    matchClass(byImage(truths[category] ?? [], detections[category] ?? []).map(withIous), AREA_RANGES.all),
  );
}

/** The figures of the images as they are, then of each resample. */
function resampled(
  images: number,
  { resamples, seed }: BootstrapOptions,
  figures: (weights: Float64Array) => Precisions,
): Precisions[] {
  const random = stream(seed, 'bootstrap/images');
  const all = [figures(new Float64Array(images).fill(1))];
  for (let resample = 0; resample < resamples; resample++) {
    const weights = new Float64Array(images);
    for (let draw = 0; draw < images; draw++) {
      const image = Math.floor(random.uniform(resample, draw) * images);
      weights[image] = (weights[image] ?? 0) + 1;
    }
    all.push(figures(weights));
  }
  return all;
}

/** Means over the classes that have an object in these images. */
function precisionsOf(classes: readonly Matched[], weights: Float64Array): Precisions {
  const values: { AP: number; AP50: number }[] = [];
  for (const matched of classes) {
    let positives = 0;
    for (const [image, count] of matched.positivesIn) positives += count * (weights[image] ?? 0);
    if (positives === 0) continue;
    const perThreshold = iouThresholds.map((_, index) => weightedPrecision(matched, index, weights, positives));
    values.push({ AP: mean(perThreshold), AP50: perThreshold[0] ?? 0 });
  }
  return { AP: mean(values.map(({ AP }) => AP)), AP50: mean(values.map(({ AP50 }) => AP50)) };
}

function weightedPrecision(
  { images, fates }: Matched,
  threshold: number,
  weights: Float64Array,
  positives: number,
): number {
  const fate = fates[threshold];
  const [recalls, precisions]: [number[], number[]] = [[], []];
  let [hits, misses] = [0, 0];
  for (const [index, image] of images.entries()) {
    const weight = weights[image] ?? 0;
    if (weight === 0) continue;
    if (fate?.[index] === HIT) hits += weight;
    else if (fate?.[index] === MISSED) misses += weight;
    recalls.push(hits / positives);
    precisions.push(hits / (hits + misses + Number.EPSILON));
  }
  return mean([...readAtRecalls(recalls, precisions)]);
}

function intervalsOf(all: readonly Precisions[], level: number): PrecisionIntervals {
  const interval = (pick: (precisions: Precisions) => number): Interval => {
    const drawn = all
      .slice(1)
      .map(pick)
      .sort((a, b) => a - b);
    const at = (share: number): number => drawn[Math.min(drawn.length - 1, Math.floor(share * drawn.length))] ?? -1;
    const value = all[0] ? pick(all[0]) : -1;
    return { value, low: 2 * value - at((1 + level) / 2), high: 2 * value - at((1 - level) / 2) };
  };
  return { AP: interval(({ AP }) => AP), AP50: interval(({ AP50 }) => AP50) };
}
