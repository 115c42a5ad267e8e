import { stream } from '../rng.ts';
import { sidesAt } from './boxes.ts';
import type { Boxes } from './boxes.ts';
import { defaultScales } from './box-coder.ts';
import type { CodeScales } from './box-coder.ts';
import type { MatcherOptions } from './matcher.ts';
import { rpnMatcher } from './matcher.ts';
import type { SamplerOptions } from './sampler.ts';
import { rpnSampler, sampleBalanced } from './sampler.ts';
import { assignTargets } from './targets.ts';

export interface RpnTargetOptions {
  readonly matcher: MatcherOptions;
  readonly sampler: SamplerOptions;
  readonly scales: CodeScales;
}

export const rpnTargetDefaults: RpnTargetOptions = { matcher: rpnMatcher, sampler: rpnSampler, scales: defaultScales };

export interface RpnTargets {
  /** 1 an object, 0 background, −1 what does not count in this step. */
  readonly labels: Int32Array;
  /** [anchors × 4]; 0 where there is no object. */
  readonly codes: Float32Array;
}

/** The anchors that take part in training, put together once. */
export interface TakingPart {
  /** How many anchors there are. */
  readonly anchors: number;
  /** Indexes of those that take part. */
  readonly places: Int32Array;
  /** Their sides. */
  readonly own: Float32Array;
}

/** `inside` marks the anchors that take part at all (those within the image). */
export function takingPart(anchors: Float32Array, inside: Uint8Array): TakingPart {
  const places = Int32Array.from([...inside.keys()].filter((anchor) => inside[anchor] === 1));
  const own = new Float32Array(places.length * 4);
  for (const [i, anchor] of places.entries()) own.set(anchors.subarray(anchor * 4, anchor * 4 + 4), i * 4);
  return { anchors: inside.length, places, own };
}

/**
 * What the region proposal network should say of one image’s anchors, the sampled ones alone. An anchor’s draw is at
 * (epoch, index of the image).
 */
export function rpnTargets(
  boxes: Boxes,
  { anchors, places, own }: TakingPart,
  draw: { readonly seed: number; readonly epoch: number; readonly index: number },
  options: RpnTargetOptions = rpnTargetDefaults,
): RpnTargets {
  const objects = { boxes, labels: new Int32Array(boxes.length / 4) };
  const targets = assignTargets(objects, own, options.matcher, options.scales);
  const examples = targets.labels.map((label, i) => (targets.labelWeights[i] === 0 ? -1 : label));
  const chosen = sampleBalanced(examples, options.sampler, stream(draw.seed, 'rpn-sample'), draw);
  const labels = new Int32Array(anchors).fill(-1);
  const codes = new Float32Array(anchors * 4);
  for (const [i, anchor] of places.entries()) {
    if (chosen[i] !== 1) continue;
    labels[anchor] = examples[i] ?? -1;
    codes.set(targets.codes.subarray(i * 4, i * 4 + 4), anchor * 4);
  }
  return { labels, codes };
}

/** Which anchors lie within the image: 1 or 0 each (`prune_outside_window`). */
export function anchorsInside(anchors: Float32Array): Uint8Array {
  return Uint8Array.from({ length: anchors.length / 4 }, (_, anchor) => {
    const [top, left, bottom, right] = sidesAt(anchors, anchor);
    return top >= 0 && left >= 0 && bottom <= 1 && right <= 1 ? 1 : 0;
  });
}
