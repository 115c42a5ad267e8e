import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeBoxes, defaultScales, encodeBoxes } from '../../core/detection/box-coder.ts';
import { iouMatrix } from '../../core/detection/boxes.ts';
import { suppress, suppressByClass } from '../../core/detection/suppression.ts';
import { stream } from '../../core/rng.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { encodeInGraph, iouInGraph } from './boxes-in-graph.ts';
import { proposalsOf, roisOf, sampleRois } from './proposals.ts';
import type { ProposalOptions, RoiOptions } from './proposals.ts';
import { suppressClasses } from './suppress.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

/** Boxes within the image, as single-precision numbers. */
function randomBoxes(name: string, count: number): Float32Array {
  const random = stream(7, name);
  return Float32Array.from({ length: count }, (_, i) => i).reduce((boxes, i) => {
    const [y, x, h, w] = [0, 1, 2, 3].map((edge) => random.uniform(i, edge));
    boxes.set([(y ?? 0) * 0.6, (x ?? 0) * 0.6, (y ?? 0) * 0.6 + 0.1 + (h ?? 0) * 0.3, (x ?? 0) * 0.6 + 0.1 + (w ?? 0) * 0.3], i * 4);
    return boxes;
  }, new Float32Array(count * 4)); // prettier-ignore
}
const uniform = (name: string, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => stream(7, name).uniform(0, i));

function expectClose(actual: tf.Tensor, expected: ArrayLike<number>, digits = 4): void {
  const values = actual.dataSync();
  expect(values.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(values[i], `value ${i}`).toBeCloseTo(expected[i] ?? 0, digits);
}

describe('in the graph as in core/detection', () => {
  it('overlaps and codes', () => {
    const [a, b] = [randomBoxes('a', 6), randomBoxes('b', 4)];
    expectClose(iouInGraph(tf.tensor(a, [1, 6, 4]), tf.tensor(b, [1, 4, 4])), iouMatrix(a, b), 5);
    const other = randomBoxes('c', 6);
    expectClose(encodeInGraph(tf.tensor(a, [6, 4]), tf.tensor(other, [6, 4])), encodeBoxes(a, other), 3);
    expect(iouInGraph(tf.zeros([1, 2, 4]), tf.zeros([1, 1, 4])).dataSync()).toEqual(new Float32Array(2));
  });

  it.each([null, 25])('proposals: decoded, clipped, suppressed (candidates: %s)', (candidates) => {
    const anchors = randomBoxes('anchors', 40);
    const codes = uniform('codes', 160).map((v) => (v - 0.5) * 4);
    const logits = uniform('logits', 80).map((v) => (v - 0.5) * 6);
    const inside = Float32Array.from({ length: 40 }, (_, i) => (i % 7 === 0 ? 0 : 1));
    const options: ProposalOptions = {
      count: 10,
      iouThreshold: 0.4,
      scoreThreshold: 0,
      candidates,
      scales: defaultScales,
    };
    const found = proposalsOf(
      { objectness: tf.tensor(logits, [1, 40, 2]), codes: tf.tensor(codes, [1, 40, 4]) },
      tf.tensor(anchors, [40, 4]),
      tf.tensor(inside),
      options,
    );
    const boxes = decodeBoxes(codes, anchors).map((edge) => Math.min(1, Math.max(0, edge)));
    const scores = Array.from({ length: 40 }, (_, i) =>
      inside[i] === 0 ? -1 : 1 / (1 + Math.exp((logits[2 * i] ?? 0) - (logits[2 * i + 1] ?? 0))),
    );
    const ranked = [...scores.keys()].sort((p, q) => (scores[q] ?? 0) - (scores[p] ?? 0)).slice(0, candidates ?? 40);
    const looked = scores.map((score, i) => (ranked.includes(i) ? score : -1));
    const kept = suppress(boxes, looked, { scoreThreshold: 0, iouThreshold: 0.4, limit: 10 });
    expect(found.valid.sum().dataSync()[0]).toBe(kept.length);
    const expected = kept.flatMap((i) => [...boxes.subarray(i * 4, i * 4 + 4)]);
    expectClose(found.boxes, [...expected, ...new Array<number>(40 - expected.length).fill(0)], 5);
  });

  it('detections class by class', () => {
    const boxes = randomBoxes('d', 20);
    const scores = uniform('scores', 60);
    const limits = { perClass: 5, total: 12, iouThreshold: 0.3, scoreThreshold: 0.2 };
    const found = suppressClasses(tf.tensor(boxes, [1, 20, 1, 4]), tf.tensor(scores, [1, 20, 3]), limits);
    const expected = suppressByClass(boxes, scores, 3, limits);
    expectClose(found.scores, [
      ...expected.map(({ score }) => score),
      ...new Array<number>(12 - expected.length).fill(0),
    ]);
    expect([...found.labels.dataSync()].slice(0, expected.length)).toEqual(expected.map(({ label }) => label));
  });
});

describe('the sample of proposals', () => {
  const truth = Float32Array.of(0.1, 0.1, 0.5, 0.5, 0.6, 0.6, 0.9, 0.8, 0, 0, 0, 0);
  const oneHot = [0, 1, 0, 0, 0, 1, 1, 0, 0];
  /** 30 boxes that are nearly the first object, 10 the second, 60 elsewhere; the last five are padding. */
  const boxes = new Float32Array(400);
  for (let i = 0; i < 95; i++) {
    const jitter = (stream(1, 'jitter').uniform(0, i) - 0.5) * 0.04;
    if (i < 30) boxes.set([0.1 + jitter, 0.1, 0.5, 0.5 + jitter], i * 4);
    else if (i < 40) boxes.set([0.6, 0.6 + jitter, 0.9, 0.8], i * 4);
    else boxes.set([0.05, 0.7 + jitter, 0.3, 0.95], i * 4);
  }
  const valid = Float32Array.from({ length: 100 }, (_, i) => (i < 95 ? 1 : 0));
  const sample = (options: Partial<RoiOptions> = {}, draws = uniform('draws', 103)) => {
    const sampler = { size: 32, positiveShare: 0.25 };
    const chosen: RoiOptions = { sampler, matched: 0.5, addTruths: false, scales: defaultScales, ...options };
    const count = chosen.addTruths ? 103 : 100;
    return roisOf(
      sampleRois(
        { boxes: tf.tensor(boxes, [1, 100, 4]), valid: tf.tensor(valid, [1, 100]) },
        { boxes: tf.tensor(truth, [1, 3, 4]), oneHot: tf.tensor(oneHot, [1, 3, 3]) },
        tf.tensor(draws.subarray(0, count), [1, count]),
        chosen,
      ),
    );
  };

  it('has a quarter of objects, each with its class and the codes of its box, and fills up with background', () => {
    const rois = sample();
    const kinds = tf.argMax(rois.oneHot, 2).dataSync();
    expect([...kinds].filter((kind) => kind > 0).length).toBe(8);
    expect([...rois.weights.dataSync()]).toEqual(new Array<number>(32).fill(1));
    const [own, codes] = [rois.boxes.dataSync(), rois.codes.dataSync()];
    for (const [i, kind] of kinds.entries()) {
      const at = own.slice(i * 4, i * 4 + 4);
      const box = Float32Array.from(at);
      const object = kind === 1 ? truth.slice(0, 4) : truth.slice(4, 8);
      const expected = kind === 0 ? new Float32Array(4) : encodeBoxes(object, box);
      for (let c = 0; c < 4; c++) expect(codes[i * 4 + c]).toBeCloseTo(expected[c] ?? 0, 3);
    }
  });

  it('is another one with other draws, and the same with the same', () => {
    const first = [...sample().boxes.dataSync()];
    expect([...sample().boxes.dataSync()]).toEqual(first);
    expect([...sample({}, uniform('others', 103)).boxes.dataSync()]).not.toEqual(first);
  });

  it('leaves padding out of account where there is too little', () => {
    const rois = sample({ sampler: { size: 100, positiveShare: 0.25 } });
    // 25 of 40 objects, all 55 of background: 80 count.
    expect(rois.weights.sum().dataSync()[0]).toBe(80);
    expect(
      tf
        .slice(rois.oneHot, [0, 0, 1], [1, 100, 2])
        .mul(rois.weights.reshape([1, 100, 1]))
        .sum()
        .dataSync()[0],
    ).toBe(25);
  });

  it('may hold the objects themselves, and never their padding', () => {
    const options = { addTruths: true, sampler: { size: 103, positiveShare: 1 } };
    const rois = sample(options);
    expect(rois.weights.sum().dataSync()[0]).toBe(97);
  });
});
