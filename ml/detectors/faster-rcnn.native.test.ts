import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { DetectedBox, TruthBox } from '../../core/metrics/detection/boxes.ts';
import { rpnTargets } from '../../core/detection/rpn-targets.ts';
import { stream } from '../../core/rng.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { drift, withPair } from '../../test/lib/engine-pairs.ts';
import { shapePicture } from '../../test/lib/shapes.ts';
import type { ShapePicture } from '../../test/lib/shapes.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine, InputValues } from '../engine/index.ts';
import { initialize } from '../nn/initialize.ts';
import { slotStarts, variable } from '../trainer/programs.ts';
import { createFasterRcnn, fasterRcnnDefaults } from './faster-rcnn.ts';
import type { FasterRcnn } from './faster-rcnn.ts';
import {
  fasterRcnnInferProgram,
  fasterRcnnLearning,
  fasterRcnnLossDefaults,
  fasterRcnnStepProgram,
  fasterRcnnSuppression,
  proposalDefaults,
  rpnTargetOptions,
  targetInputs,
} from './faster-rcnn-programs.ts';
import type { FasterRcnnStepOptions } from './faster-rcnn-programs.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-frcnn-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const SIDE = 64;
const BATCH = 4;
const proposals = { ...proposalDefaults, count: 40 };
const options: FasterRcnnStepOptions = {
  optimizer: { kind: 'adam', learningRate: 0.002, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  ...{ averageDecay: null, backboneRate: 1, clipNorm: 10, l2: 0, mostTruths: 4 },
  loss: {
    ...fasterRcnnLossDefaults,
    proposals,
    rois: { ...fasterRcnnLossDefaults.rois, addTruths: true, sampler: { size: 16, positiveShare: 0.5 } },
  },
};

const tiny = (): FasterRcnn =>
  createFasterRcnn('tiny-cnn', {
    ...fasterRcnnDefaults,
    ...{
      classes: 2,
      heightPx: SIDE,
      widthPx: SIDE,
      rpnChannels: 32,
      cropPx: 8,
      outside: 'keep',
      frozenBatchNorm: false,
    },
    anchors: { scales: [0.5, 1], aspectRatios: [1], basePx: 32, stridePx: 8 },
    rpnDeviation: 0.03,
  });

function stateOf(detector: FasterRcnn, chosen: FasterRcnnStepOptions) {
  const slots = slotStarts(fasterRcnnLearning(detector), chosen.optimizer);
  const shapes = new Map<string, readonly number[]>(
    detector.params.map(({ name, shape }) => [variable.parameter(name), shape]),
  );
  const values = new Map<string, Float32Array>();
  for (const [name, value] of initialize(detector.params, 5)) values.set(variable.parameter(name), value);
  for (const [name, { shape, start }] of slots) {
    shapes.set(name, shape);
    values.set(name, new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(start));
  }
  return { shapes, values };
}

function batchOf(detector: FasterRcnn, pictures: readonly ShapePicture[], step: number, rate: number): InputValues {
  const spec = targetInputs(detector, pictures.length, options);
  const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
  const x = new Uint8Array(pictures.length * SIDE * SIDE * 3);
  const rpnLabels = new Int32Array(size(spec.rpnLabels.shape));
  const rpnCodes = new Float32Array(size(spec.rpnCodes.shape));
  const truthBoxes = new Float32Array(size(spec.truthBoxes.shape));
  const truthLabels = new Int32Array(size(spec.truthLabels.shape));
  const anchors = detector.anchors.length / 4;
  for (const [index, { pixels, boxes, labels }] of pictures.entries()) {
    const draw = { seed: 1, epoch: step, index };
    const sampler = { size: 32, positiveShare: 0.5 };
    const targets = rpnTargets(boxes, detector.anchors, detector.inside, draw, { ...rpnTargetOptions, sampler });
    x.set(pixels, index * SIDE * SIDE * 3);
    rpnLabels.set(targets.labels, index * anchors);
    rpnCodes.set(targets.codes, index * anchors * 4);
    truthBoxes.set(boxes, index * options.mostTruths * 4);
    truthLabels.set(labels.map((label) => label + 1), index * options.mostTruths); // prettier-ignore
  }
  const random = stream(1, 'roi');
  const draws = Float32Array.from({ length: size(spec.draws.shape) }, (_, i) => random.uniform(step, i));
  // Adam's bias correction, as the trainer has it.
  const corrected = (rate * Math.sqrt(1 - 0.999 ** (step + 1))) / (1 - 0.9 ** (step + 1));
  const inputs = { rpnLabels, rpnCodes, truthBoxes, truthLabels, draws };
  return { x, ...inputs, rate: Float32Array.of(corrected), decay: Float32Array.of(0) };
}

const pictures = (from: number, count: number): ShapePicture[] =>
  Array.from({ length: count }, (_, index) => shapePicture(SIDE, 3, from + index));

describe('the network', () => {
  it('on ResNet50 at 600 × 1024 has 29,184 anchors, and a last stage that keeps crops of 7 × 7', () => {
    const size = { classes: 90, heightPx: 600, widthPx: 1024 };
    const detector = createFasterRcnn('resnet50', { ...fasterRcnnDefaults, ...size });
    expect(detector.anchors.length / 4).toBe(38 * 64 * 12);
    expect(detector.backbone.cutPoints.at(-1)?.stridePx).toBe(16);
    expect(detector.tap).toBe(14);
  });

  it.each(['inception-v2', 'mobilenet-v1-0.25', 'mobilenet-v2'] as const)('takes %s', (id) => {
    const size = { classes: 3, heightPx: 128, widthPx: 160 };
    const detector = createFasterRcnn(id, { ...fasterRcnnDefaults, ...size });
    expect(detector.anchors.length / 4).toBe(8 * 10 * 12);
  });

  it('compiled and eager steps are the same', async () => {
    const detector = tiny();
    const { shapes, values } = stateOf(detector, options);
    const step = fasterRcnnStepProgram(detector, [SIDE, SIDE, 3], BATCH, options);
    await withPair({ state: shapes, programs: { step } }, scratch, (pair) => {
      for (const engine of [pair.compiled, pair.eager]) engine.write(values);
      const worst = drift(pair, 3, (at) => batchOf(detector, pictures(at * BATCH, BATCH), at, 1e-5));
      expect(worst.distance).toBeLessThan(1e-5);
    });
  });
});

interface Found {
  readonly detections: DetectedBox[];
  readonly truths: TruthBox[];
}

function detect(engine: Engine, detector: FasterRcnn, from: number, count: number): Found {
  const found: Found = { detections: [], truths: [] };
  for (let start = 0; start < count; start += BATCH) {
    const batch = pictures(from + start, BATCH);
    const { x } = batchOf(detector, batch, 0, 0);
    const outputs = engine.run('infer', { x: x ?? new Uint8Array() });
    const [boxes, scores, labels] = ['boxes', 'scores', 'labels'].map((name) => outputOf(outputs, name).values);
    for (const [row, picture] of batch.entries()) {
      for (let i = 0; i < 100; i++) {
        const at = row * 100 + i;
        const score = scores![at] ?? 0;
        if (score <= 0) continue;
        found.detections.push({ image: start + row, category: labels![at] ?? 0, box: xywh(boxes!, at), score });
      }
      for (const [index, label] of picture.labels.entries()) {
        const box = xywh(picture.boxes, index);
        const flags = { crowd: false, difficult: false };
        found.truths.push({ image: start + row, category: label, box, area: box[2] * box[3], ...flags });
      }
    }
  }
  return found;
}

function xywh(boxes: Float32Array | Float64Array, index: number): readonly [number, number, number, number] {
  const [top = 0, left = 0, bottom = 0, right = 0] = [...boxes.subarray(index * 4, index * 4 + 4)].map((v) => v * SIDE);
  return [left, top, right - left, bottom - top];
}

it('learns to find squares and discs, and where they are, from nothing', { timeout: 300_000 }, async () => {
  const detector = tiny();
  const { shapes, values } = stateOf(detector, options);
  const suppression = { ...fasterRcnnSuppression, total: 100 };
  const programs = {
    step: fasterRcnnStepProgram(detector, [SIDE, SIDE, 3], BATCH, options),
    infer: fasterRcnnInferProgram(detector, [SIDE, SIDE, 3], BATCH, { proposals, suppression }),
  };
  const engine = await createEngine({ state: shapes, programs }, scratch);
  engine.write(values);
  const losses: number[] = [];
  const set = pictures(0, 80 * BATCH);
  for (let step = 0; step < 320; step++) {
    const from = (step % 80) * BATCH;
    const batch = batchOf(detector, set.slice(from, from + BATCH), step, 0.003);
    losses.push(outputOf(engine.run('step', batch), 'figures').values[4] ?? Number.NaN);
  }
  const { detections, truths } = detect(engine, detector, 10_000, 64);
  const { figures } = evaluateCoco({ images: 64, categories: ['square', 'disc'], truths, detections });
  engine.dispose();
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 20)) * 0.6);
  // Pictures it has never seen.
  expect(figures.AP50).toBeGreaterThan(0.5);
});
