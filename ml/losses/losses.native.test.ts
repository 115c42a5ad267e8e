import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { decodeBoxes } from '../../core/detection/box-coder.ts';
import { decodeInGraph } from '../detectors/decode.ts';
import { hardExamples } from '../detectors/hard-examples.ts';
import { sigmoidCrossEntropy, sigmoidFocal, softmaxCrossEntropy } from './classification.ts';
import { generalizedIou, huber } from './localization.ts';

const list = z.array(z.number());
/** Made by test/golden/detection/make_losses.py from TensorFlow, Keras and torchvision. */
const Golden = z.object({
  ...{ logits: list, targets: list, sigmoid: list, softmax: list, focal: list, focalPlain: list },
  ...{ predicted: list, codes: list, huber: list, huberHalf: list, boxes: list, other: list, giou: list },
  miner: z.object({
    losses: list,
    positives: list,
    boxes: list,
    rules: z.array(z.object({ count: z.int(), iou: z.number(), ratio: z.number(), least: z.int() })),
    kept: z.array(list),
  }),
});
const path = new URL('../../test/golden/detection/losses.json', import.meta.url);
const golden = Golden.parse(JSON.parse(readFileSync(path, 'utf8')));

beforeAll(() => loadTensorFlow({ threads: 2 }));

function expectClose(actual: tf.Tensor, expected: readonly number[]): void {
  const values = actual.dataSync();
  expect(values.length).toBe(expected.length);
  for (const [index, value] of expected.entries()) expect(values[index], `value ${index}`).toBeCloseTo(value, 4);
}

/** Largest |analytic − central difference| of Σ w∘f(x), with fixed irregular w. */
function gradientError(f: (x: tf.Tensor) => tf.Tensor, at: readonly number[], shape: number[]): number {
  const weigh = (y: tf.Tensor): tf.Scalar =>
    y
      .mul(
        tf.tensor(
          Array.from({ length: y.size }, (_, i) => Math.sin(i * 1.7 + 1)),
          y.shape,
        ),
      )
      .sum()
      .asScalar();
  const analytic = tf
    .grad((x: tf.Tensor) => weigh(f(x)))(tf.tensor(at, shape))
    .dataSync();
  const step = 1e-2;
  const errors = at.map((_, index) => {
    const [up, down] = [1, -1].map((sign) => {
      const moved = at.map((value, other) => (other === index ? value + sign * step : value));
      return weigh(f(tf.tensor(moved, shape))).dataSync()[0] ?? 0;
    });
    return Math.abs((analytic[index] ?? 0) - ((up ?? 0) - (down ?? 0)) / (2 * step));
  });
  return Math.max(...errors);
}

describe('losses equal their reference, and their gradients the differences', () => {
  const pair = () => [tf.tensor2d(golden.logits, [4, 3]), tf.tensor2d(golden.targets, [4, 3])] as const;
  const mild = golden.logits.map((value) => Math.max(-4, Math.min(4, value)));

  it('sigmoid and softmax cross-entropy', () => {
    expectClose(sigmoidCrossEntropy(...pair()), golden.sigmoid);
    expectClose(softmaxCrossEntropy(...pair()), golden.softmax);
    const [, targets] = pair();
    expect(
      gradientError(
        (x) => sigmoidCrossEntropy(x, targets),
        mild.map((v) => v + 0.1),
        [4, 3],
      ),
    ).toBeLessThan(2e-3);
    expect(gradientError((x) => softmaxCrossEntropy(x, targets), mild, [4, 3])).toBeLessThan(2e-3);
  });

  it('focal loss', () => {
    expectClose(sigmoidFocal(...pair(), { gamma: 2, alpha: 0.25 }), golden.focal);
    expectClose(sigmoidFocal(...pair(), { gamma: 1.5, alpha: null }), golden.focalPlain);
    const [, targets] = pair();
    const focal = (x: tf.Tensor): tf.Tensor => sigmoidFocal(x, targets, { gamma: 2, alpha: 0.25 });
    expect(
      gradientError(
        focal,
        mild.map((v) => v + 0.1),
        [4, 3],
      ),
    ).toBeLessThan(2e-3);
  });

  it('Huber', () => {
    const [predicted, codes] = [tf.tensor2d(golden.predicted, [5, 4]), tf.tensor2d(golden.codes, [5, 4])];
    expectClose(huber(predicted, codes), golden.huber);
    expectClose(huber(predicted, codes, 0.5), golden.huberHalf);
    expect(gradientError((x) => huber(x, codes), golden.predicted, [5, 4])).toBeLessThan(1e-2);
  });

  it('generalized IoU, 0 for equal boxes', () => {
    const [boxes, other] = [tf.tensor2d(golden.boxes, [6, 4]), tf.tensor2d(golden.other, [6, 4])];
    expectClose(generalizedIou(boxes, other), golden.giou);
    expect(generalizedIou(boxes, boxes).max().dataSync()[0]).toBeLessThan(1e-4);
  });

  it('decoding in the graph is decoding', () => {
    const anchors = Float32Array.from([0, 0, 0.5, 0.5, 0.2, 0.1, 0.9, 0.6, 0.3, 0.3, 0.4, 0.8]);
    const codes = Float32Array.from([1, -2, 0.5, 3, 0, 0, 0, 0, -4, 2, 1, -1]);
    const decoded = decodeInGraph(tf.tensor(codes, [1, 3, 4]), tf.tensor(anchors, [3, 4]));
    expectClose(decoded, [...decodeBoxes(codes, anchors)]);
  });
});

describe('the hard-example miner', () => {
  const { losses, positives, boxes, rules, kept } = golden.miner;
  const tensors = () => ({
    losses: tf.tensor2d(losses, [3, 40]),
    positives: tf.tensor2d(positives, [3, 40]),
    boxes: tf.tensor3d(boxes, [3, 40, 4]),
  });

  it.each(rules.map((rule, index) => ({ ...rule, index })))('picks what the reference picks: %o', (rule) => {
    const options = {
      candidates: rule.count,
      iouThreshold: rule.iou,
      negativesPerPositive: rule.ratio,
      minNegatives: rule.least,
    };
    const picked = hardExamples(tensors(), options);
    expect([...picked.dataSync()]).toEqual(kept[rule.index]);
  });

  it('without suppression it takes the negatives of the largest losses', () => {
    const options = { candidates: 3000, iouThreshold: null, negativesPerPositive: 3, minNegatives: 0 };
    const picked = [...hardExamples(tensors(), options).dataSync()];
    for (let image = 0; image < 3; image++) {
      const own = [...Array(40).keys()].map((anchor) => image * 40 + anchor);
      const found = own.filter((index) => (positives[index] ?? 0) > 0);
      const hardest = own
        .filter((index) => !found.includes(index))
        .sort((a, b) => (losses[b] ?? 0) - (losses[a] ?? 0))
        .slice(0, found.length * 3);
      expect(own.filter((index) => picked[index] === 1)).toEqual([...found, ...hardest].sort((a, b) => a - b));
    }
  });

  it('lets no gradient through', () => {
    const { positives: positive, boxes: box, losses: loss } = tensors();
    const options = { candidates: 10, iouThreshold: 0.5, negativesPerPositive: 3, minNegatives: 0 };
    const gradient = tf.grad((x: tf.Tensor) =>
      hardExamples({ losses: x, boxes: box, positives: positive }, options).mul(x).sum(),
    )(loss);
    const mask = hardExamples(tensors(), options);
    expect([...gradient.dataSync()]).toEqual([...mask.dataSync()]);
  });
});
