import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ssdMatcher } from '../../core/detection/matcher.ts';
import { ssdSuppression, suppressByClass } from '../../core/detection/suppression.ts';
import { assignTargets } from '../../core/detection/targets.ts';
import type { DetectedBox, TruthBox } from '../../core/metrics/detection/boxes.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { drift, withPair } from '../../test/lib/engine-pairs.ts';
import { shapePicture } from '../../test/lib/shapes.ts';
import type { ShapePicture } from '../../test/lib/shapes.ts';
import { createBackbone } from '../backbones/index.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import type { Engine, InputValues } from '../engine/index.ts';
import { initialize } from '../nn/initialize.ts';
import { slotStarts, variable } from '../trainer/programs.ts';
import { ssdMiner } from './hard-examples.ts';
import { createSsd, ssdDefaults } from './ssd.ts';
import type { Ssd } from './ssd.ts';
import { learningOf, ssdInferProgram, ssdStepProgram } from './ssd-programs.ts';
import type { SsdStepOptions } from './ssd-programs.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-ssd-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const SIDE = 64;
const BATCH = 8;
const options: SsdStepOptions = {
  optimizer: { kind: 'adam', learningRate: 0.003, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  averageDecay: null,
  backboneRate: 1,
  clipNorm: 10,
  loss: { classification: { kind: 'mined', miner: ssdMiner }, classWeight: 1, boxWeight: 1 },
  l2: 4e-5,
};

const tinySsd = (): Ssd =>
  createSsd(createBackbone('tiny-cnn'), {
    ...ssdDefaults,
    ...{ classes: 2, heightPx: SIDE, widthPx: SIDE, predictorKernelPx: 3, extraChannels: [32, 32] },
    batchNorm: { epsilon: 1e-3, momentum: 0.9 },
  });

function stateOf(ssd: Ssd, chosen: SsdStepOptions) {
  const learning = learningOf(ssd);
  const slots = slotStarts(learning, chosen.optimizer);
  const shapes = new Map<string, readonly number[]>(
    ssd.params.map(({ name, shape }) => [variable.parameter(name), shape]),
  );
  for (const [name, { shape }] of slots) shapes.set(name, shape);
  const values = new Map<string, Float32Array>();
  for (const [name, value] of initialize(ssd.params, 5)) values.set(variable.parameter(name), value);
  for (const [name, { shape, start }] of slots) {
    values.set(name, new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(start));
  }
  return { shapes, values };
}

function batchOf(ssd: Ssd, pictures: readonly ShapePicture[], step: number, rate: number): InputValues {
  const anchors = ssd.anchors.length / 4;
  const x = new Uint8Array(pictures.length * SIDE * SIDE * 3);
  const labels = new Int32Array(pictures.length * anchors);
  const codes = new Float32Array(pictures.length * anchors * 4);
  for (const [index, { pixels, boxes, labels: classes }] of pictures.entries()) {
    const targets = assignTargets({ boxes, labels: classes }, ssd.anchors, ssdMatcher);
    x.set(pixels, index * SIDE * SIDE * 3);
    labels.set(targets.labels, index * anchors);
    codes.set(targets.codes, index * anchors * 4);
  }
  // Adam's bias correction, as the trainer has it.
  const corrected = (rate * Math.sqrt(1 - 0.999 ** (step + 1))) / (1 - 0.9 ** (step + 1));
  return { x, labels, codes, rate: Float32Array.of(corrected), decay: Float32Array.of(0) };
}

const pictures = (from: number, count: number): ShapePicture[] =>
  Array.from({ length: count }, (_, index) => shapePicture(SIDE, 3, from + index));

describe('the network', () => {
  it('on MobileNetV2 at 300 × 300 has the published grids and 1,917 anchors', () => {
    const shape = { classes: 90, heightPx: 300, widthPx: 300 };
    const ssd = createSsd(createBackbone('mobilenet-v2'), { ...ssdDefaults, ...shape });
    expect(ssd.grids.map(({ rows }) => rows)).toEqual([19, 10, 5, 3, 2, 1]);
    expect(ssd.anchors.length / 4).toBe(1917);
    expect(ssd.predictors.map(({ anchorsPerCell }) => anchorsPerCell)).toEqual([3, 6, 6, 6, 6, 6]);
  });

  const mined = (iouThreshold: number | null) =>
    ({ ...options.loss, classification: { kind: 'mined', miner: { ...ssdMiner, iouThreshold } } }) as const;
  it.each([
    ['mined', options],
    ['mined after suppression', { ...options, loss: mined(0.99) }],
    ['focal', { ...options, loss: { ...options.loss, classification: { kind: 'focal', gamma: 2, alpha: 0.25 } } }],
  ] as const)('compiled and eager steps are the same (%s)', async (_, chosen) => {
    const ssd = tinySsd();
    const { shapes, values } = stateOf(ssd, chosen);
    const step = ssdStepProgram(ssd, [SIDE, SIDE, 3], BATCH, chosen);
    await withPair({ state: shapes, programs: { step } }, scratch, (pair) => {
      for (const engine of [pair.compiled, pair.eager]) engine.write(values);
      // A rate small enough that rounding of two orders of addition does not grow from step to step.
      const worst = drift(pair, 3, (at) => batchOf(ssd, pictures(at * BATCH, BATCH), at, 1e-5));
      expect(worst.distance).toBeLessThan(1e-5);
    });
  });
});

interface Found {
  readonly detections: DetectedBox[];
  readonly truths: TruthBox[];
}

function detect(engine: Engine, ssd: Ssd, from: number, count: number): Found {
  const found: Found = { detections: [], truths: [] };
  const anchors = ssd.anchors.length / 4;
  for (let start = 0; start < count; start += BATCH) {
    const batch = pictures(from + start, BATCH);
    const { x } = batchOf(ssd, batch, 0, 0);
    const outputs = engine.run('infer', { x: x ?? new Uint8Array() });
    const [boxes, scores] = [outputOf(outputs, 'boxes').values, outputOf(outputs, 'scores').values];
    for (const [row, picture] of batch.entries()) {
      const own = boxes.subarray(row * anchors * 4, (row + 1) * anchors * 4);
      const sure = scores.subarray(row * anchors * 2, (row + 1) * anchors * 2);
      for (const { index, label, score } of suppressByClass(own, sure, 2, ssdSuppression)) {
        found.detections.push({ image: start + row, category: label, box: xywh(own, index), score });
      }
      for (const [index, label] of picture.labels.entries()) {
        const box = xywh(picture.boxes, index);
        found.truths.push({
          image: start + row,
          category: label,
          box,
          area: box[2] * box[3],
          crowd: false,
          difficult: false,
        });
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
  const ssd = tinySsd();
  const { shapes, values } = stateOf(ssd, options);
  const programs = {
    step: ssdStepProgram(ssd, [SIDE, SIDE, 3], BATCH, options),
    infer: ssdInferProgram(ssd, [SIDE, SIDE, 3], BATCH),
  };
  const engine = await createEngine({ state: shapes, programs }, scratch);
  engine.write(values);
  const losses: number[] = [];
  const set = pictures(0, 40 * BATCH);
  for (let step = 0; step < 240; step++) {
    const from = (step % 40) * BATCH;
    const batch = batchOf(ssd, set.slice(from, from + BATCH), step, 0.003);
    const figures = outputOf(engine.run('step', batch), 'figures').values;
    losses.push(figures[2] ?? Number.NaN);
  }
  const { detections, truths } = detect(engine, ssd, 10_000, 64);
  const { figures } = evaluateCoco({ images: 64, categories: ['square', 'disc'], truths, detections });
  engine.dispose();
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 20)) / 3);
  // Pictures it has never seen. Before the first step it scores below .01.
  expect(figures.AP50).toBeGreaterThan(0.5);
});
