import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SsdConfig } from '../../contracts/detector-config.ts';
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
import { detectorInferProgram, detectorStepProgram, learningDetector } from './detector-programs.ts';
import type { DetectorStepOptions, LearningDetector } from './detector-programs.ts';
import { createSsd, ssdDefaults } from './ssd.ts';
import { ssdDetector } from './ssd-detector.ts';

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
const options: DetectorStepOptions = {
  optimizer: { kind: 'adam', learningRate: 0.003, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  averageDecay: null,
  backboneRate: 1,
  clipNorm: 10,
  augment: null,
};

const CONFIG = SsdConfig.parse({
  ...{ kind: 'ssd', predictorKernelPx: 3, extraChannels: [32, 32] },
  batchNorm: { epsilon: 1e-3, momentum: 0.9 },
});

const tinySsd = (config = CONFIG): LearningDetector =>
  learningDetector(ssdDetector(createBackbone('tiny-cnn'), config, { classes: 2, heightPx: SIDE, widthPx: SIDE }), 0);

function stateOf(learning: LearningDetector, chosen: DetectorStepOptions) {
  const ssd = learning.detector;
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

function batchOf(
  { detector }: LearningDetector,
  pictures: readonly ShapePicture[],
  step: number,
  rate: number,
): InputValues {
  const x = new Uint8Array(pictures.length * SIDE * SIDE * 3);
  for (const [index, { pixels }] of pictures.entries()) x.set(pixels, index * SIDE * SIDE * 3);
  const indexes = pictures.map((_, index) => index);
  // Adam's bias correction, as the trainer has it.
  const corrected = (rate * Math.sqrt(1 - 0.999 ** (step + 1))) / (1 - 0.9 ** (step + 1));
  const targets = detector.targets(pictures, { seed: 1, epoch: 0, indexes });
  return { x, ...targets, rate: Float32Array.of(corrected), decay: Float32Array.of(0) };
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

  it.each([
    ['mined', {}],
    ['mined after suppression', { loss: { classification: { kind: 'mined', iouThreshold: 0.99 } } }],
    ['focal', { loss: { classification: { kind: 'focal' } } }],
    ['SSDLite', { depthwise: true }],
  ])('compiled and eager steps are the same (%s)', async (_, keys) => {
    const ssd = tinySsd(SsdConfig.parse({ ...CONFIG, ...keys }));
    const { shapes, values } = stateOf(ssd, options);
    const step = detectorStepProgram(ssd, [SIDE, SIDE, 3], BATCH, options);
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

function detect(engine: Engine, { detector }: LearningDetector, from: number, count: number): Found {
  const found: Found = { detections: [], truths: [] };
  for (let start = 0; start < count; start += BATCH) {
    const batch = pictures(from + start, BATCH);
    const x = new Uint8Array(batch.flatMap(({ pixels }) => [...pixels]));
    const detections = detector.detections(engine.run('infer', { x }), BATCH);
    for (const [row, picture] of batch.entries()) {
      for (const { label, score, box } of detections[row] ?? []) {
        found.detections.push({ image: start + row, category: label, box: xywh(box), score });
      }
      for (const [index, label] of picture.labels.entries()) {
        const box = xywh([...picture.boxes.subarray(index * 4, index * 4 + 4)]);
        const flags = { crowd: false, difficult: false };
        found.truths.push({ image: start + row, category: label, box, area: box[2] * box[3], ...flags });
      }
    }
  }
  return found;
}

function xywh(box: readonly number[]): readonly [number, number, number, number] {
  const [top = 0, left = 0, bottom = 0, right = 0] = box.map((side) => side * SIDE);
  return [left, top, right - left, bottom - top];
}

it('learns to find squares and discs, and where they are, from nothing', { timeout: 300_000 }, async () => {
  const ssd = tinySsd();
  const { shapes, values } = stateOf(ssd, options);
  const programs = {
    step: detectorStepProgram(ssd, [SIDE, SIDE, 3], BATCH, options),
    infer: detectorInferProgram(ssd, [SIDE, SIDE, 3], BATCH, false),
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
