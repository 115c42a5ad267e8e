import * as tf from '@tensorflow/tfjs';
import type { CodeScales } from '../../core/detection/box-coder.ts';
import type { SamplerOptions } from '../../core/detection/sampler.ts';
import { gatherRows } from '../nn/ops/gather-rows.ts';
import { encodeInGraph, iouInGraph } from './boxes-in-graph.ts';
import { decodeInGraph } from './decode.ts';
import { suppressPadded } from './suppress.ts';

export interface ProposalOptions {
  readonly count: number;
  readonly iouThreshold: number;
  readonly scoreThreshold: number;
  /**
   * Anchors that suppression looks at, the surest first; null looks at all, as published. With six thousand the
   * proposals are the same unless fewer than `count` of them are left.
   */
  readonly candidates: number | null;
  readonly scales: CodeScales;
}

export interface Proposals {
  /** [batch, count, 4] in shares of the image, within it; 0 where there is none. */
  readonly boxes: tf.Tensor;
  /** [batch, count]: 1 or 0. */
  readonly valid: tf.Tensor;
}

/**
 * The first stage’s words as boxes: decoded, clipped to the image, and the surest of those that do not overlap. `anchors`
 * [anchors, 4]; `inside` [anchors], 0 for anchors that may propose nothing. Not to be differentiated.
 */
export function proposalsOf(
  { objectness, codes }: { readonly objectness: tf.Tensor; readonly codes: tf.Tensor },
  anchors: tf.Tensor,
  inside: tf.Tensor,
  { count, iouThreshold, scoreThreshold, candidates, scales }: ProposalOptions,
): Proposals {
  const [batch = 1, total = 1] = codes.shape;
  const object = tf
    .slice(objectness, [0, 0, 1], [batch, total, 1])
    .sub(tf.slice(objectness, [0, 0, 0], [batch, total, 1]));
  // Below every threshold where an anchor takes no part.
  const scores = tf.sigmoid(object).reshape([batch, total]).add(1).mul(inside).sub(1);
  const boxes = tf.clipByValue(decodeInGraph(codes, anchors, scales), 0, 1);
  const looked = Math.min(candidates ?? total, total);
  const kept = Math.min(count, looked);
  const images = Array.from({ length: batch }, (_, image) => {
    const own = tf.slice(boxes, [image, 0, 0], [1, total, 4]).reshape([total, 4]);
    const sure = tf.slice(scores, [image, 0], [1, total]).reshape([total]);
    const best = looked < total ? tf.topk(sure, looked) : null;
    const places = best ? gatherRows(own, best.indices) : own;
    const limits = { count: kept, iouThreshold, scoreThreshold };
    const { indexes, valid } = suppressPadded(places, best ? best.values : sure, limits);
    return { boxes: gatherRows(places, indexes).mul(valid.reshape([kept, 1])), valid };
  });
  return { boxes: tf.stack(images.map((image) => image.boxes)), valid: tf.stack(images.map(({ valid }) => valid)) };
}

/** Objects of a batch, padded with zeros. */
export interface Truths {
  /** [batch, most, 4]. */
  readonly boxes: tf.Tensor;
  /** float [batch, most, classes + 1]: one-hot, background where there is no object. */
  readonly oneHot: tf.Tensor;
}

export interface RoiOptions {
  readonly sampler: SamplerOptions;
  /** From this overlap on a proposal has its best object; below it is background. */
  readonly matched: number;
  /** Whether the objects themselves are among the proposals: a help while there are no good ones. */
  readonly addTruths: boolean;
  readonly scales: CodeScales;
}

/** What the second stage is to learn of an image: [batch, size, …] each. */
export interface Rois {
  readonly boxes: tf.Tensor;
  /** Codes of the matched object against the proposal; 0 for background. */
  readonly codes: tf.Tensor;
  /** 1 where the proposal counts. */
  readonly weights: tf.Tensor;
  /** One-hot over classes + 1, background first. */
  readonly oneHot: tf.Tensor;
}

/** How many proposals are drawn from, and so how many random numbers an image takes. */
export const roiDraws = (proposals: number, mostTruths: number, { addTruths }: Pick<RoiOptions, 'addTruths'>): number =>
  proposals + (addTruths ? mostTruths : 0);

/**
 * Matches proposals with objects and draws a balanced few (core/detection/sampler.ts, in the graph): [batch, size,
 * 9 + classes + 1] numbers back to back, which `roisOf` takes apart: a box, codes, whether it counts, its class. `draws`
 * [batch, `roiDraws`] uniform in [0, 1): of each kind those with the largest numbers are taken.
 */
export function sampleRois(
  proposals: Proposals,
  truths: Truths,
  draws: tf.Tensor,
  { sampler, matched, addTruths, scales }: RoiOptions,
): tf.Tensor {
  const [batch = 1, most = 1, width = 2] = truths.oneHot.shape;
  const isObject = tf.sub(1, tf.slice(truths.oneHot, [0, 0, 0], [batch, most, 1])).reshape([batch, most]);
  const boxes = addTruths ? tf.concat([proposals.boxes, truths.boxes], 1) : proposals.boxes;
  const valid = addTruths ? tf.concat([proposals.valid, isObject], 1) : proposals.valid;
  const total = boxes.shape[1] ?? 1;
  const overlaps = iouInGraph(boxes, truths.boxes).mul(isObject.reshape([batch, 1, most]));
  const nearest = tf.cast(tf.oneHot(tf.cast(overlaps.argMax(2), 'int32'), most), 'float32');
  const matches = tf.matMul(
    nearest.as3D(batch, total, most),
    tf.concat([truths.boxes, truths.oneHot], 2).as3D(batch, most, 4 + width),
  );
  const positive = tf.cast(tf.greaterEqual(overlaps.max(2), matched), 'float32').mul(valid);
  const chosen = balanced(positive, valid.sub(positive), draws, sampler);
  const is = positive.reshape([batch, total, 1]);
  const target = tf.slice(matches, [0, 0, 0], [batch, total, 4]);
  // A proposal without area has no codes; it can’t be matched either.
  const codes = encodeInGraph(target.mul(is).add(boxes.mul(tf.sub(1, is))), boxes, scales).mul(is);
  const background = tf.oneHot(tf.zeros([batch, total], 'int32'), width);
  const oneHot = tf.slice(matches, [0, 0, 4], [batch, total, width]).mul(is).add(tf.cast(background, 'float32').mul(tf.sub(1, is))); // prettier-ignore
  const rows = tf.concat([boxes, codes, chosen.reshape([batch, total, 1]), oneHot], 2);
  // Those that count first; their order is that of the draws.
  const { indices } = tf.topk(chosen.mul(draws.add(1)), Math.min(sampler.size, total));
  const starts = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(total, 'int32')).reshape([batch, 1]);
  const size = indices.shape[1] ?? 1;
  const flat = gatherRows(rows.reshape([batch * total, 9 + width]), indices.add(starts).reshape([batch * size]));
  return flat.reshape([batch, size, 9 + width]);
}

/** 1 for what counts: of the positives at most their share of `size`, and negatives up to what is left of it. */
function balanced(positive: tf.Tensor, negative: tf.Tensor, draws: tf.Tensor, sampler: SamplerOptions): tf.Tensor {
  const { size, positiveShare } = sampler;
  const [batch = 1, total = 1] = positive.shape;
  const most = Math.min(Math.floor(size * positiveShare), total);
  const keys = positive.mul(draws.add(1));
  const least = tf.slice(tf.topk(keys, most).values, [0, most - 1], [batch, 1]);
  const taken = tf.cast(tf.greaterEqual(keys, least), 'float32').mul(positive);
  const left = tf.sub(size, taken.sum(1, true));
  const order = tf.topk(negative.mul(draws.add(1)), total);
  // How many are drawn before each: ranks in the order of the draws, put back in their places.
  const ranks = tf.scatterND(
    places(order.indices, batch, total),
    tf.tile(tf.range(0, total).reshape([1, total]), [batch, 1]).reshape([batch * total]),
    [batch * total],
  );
  return taken.add(negative.mul(tf.cast(tf.less(ranks.reshape([batch, total]), left), 'float32')));
}

function places(indices: tf.Tensor, batch: number, total: number): tf.Tensor2D {
  const starts = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(total, 'int32')).reshape([batch, 1]);
  return tf.cast(indices.add(starts), 'int32').as2D(batch * total, 1);
}

/** Takes `sampleRois`’s numbers apart again. */
export function roisOf(sampled: tf.Tensor): Rois {
  const [batch = 1, size = 1, width = 11] = sampled.shape;
  const part = (from: number, count: number): tf.Tensor => tf.slice(sampled, [0, 0, from], [batch, size, count]);
  return {
    boxes: part(0, 4),
    codes: part(4, 4),
    weights: part(8, 1).reshape([batch, size]),
    oneHot: part(9, width - 9),
  };
}
