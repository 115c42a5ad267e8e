import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { DetectedBox, TruthBox } from '../../core/metrics/detection/boxes.ts';
import type { Engine, InputValues } from '../../ml/engine/index.ts';
import { detectorInferProgram, detectorStepProgram } from '../../ml/detectors/detector-programs.ts';
import type { DetectorStepOptions, LearningDetector } from '../../ml/detectors/detector-programs.ts';
import { createEngine, outputOf } from '../../ml/engine/index.ts';
import { initialize } from '../../ml/nn/initialize.ts';
import { slotStarts, variable } from '../../ml/trainer/programs.ts';
import { shapePicture } from './shapes.ts';
import type { ShapePicture } from './shapes.ts';

/** A detector that learns squares and discs on pictures of this side. */
export interface Trial {
  readonly learning: LearningDetector;
  readonly options: DetectorStepOptions;
  readonly sidePx: number;
  readonly batch: number;
}

/** Adam without decay, gradients clipped: for detectors that start from nothing. */
export const trialOptions: DetectorStepOptions = {
  optimizer: { kind: 'adam', learningRate: 0.003, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
  ...{ averageDecay: null, backboneRate: 1, clipNorm: 10, augment: null },
};

export const trialPictures = (sidePx: number, from: number, count: number): ShapePicture[] =>
  Array.from({ length: count }, (_, index) => shapePicture(sidePx, 3, from + index));

/** Shapes and starting values of all variables, by name. */
export function trialState({ learning, options }: Trial) {
  const { params } = learning.detector;
  const shapes = new Map<string, readonly number[]>(params.map(({ name, shape }) => [variable.parameter(name), shape]));
  const values = new Map<string, Float32Array>();
  for (const [name, value] of initialize(params, 5)) values.set(variable.parameter(name), value);
  for (const [name, { shape, start }] of slotStarts(learning, options.optimizer)) {
    shapes.set(name, shape);
    values.set(name, new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(start));
  }
  return { shapes, values };
}

export const trialStep = ({ learning, options, sidePx, batch }: Trial) =>
  detectorStepProgram(learning, [sidePx, sidePx, 3], batch, options);

export function pixelsOf(pictures: readonly ShapePicture[]): Uint8Array {
  const size = pictures[0]?.pixels.length ?? 0;
  const x = new Uint8Array(pictures.length * size);
  for (const [index, { pixels }] of pictures.entries()) x.set(pixels, index * size);
  return x;
}

/** Inputs of step `step`, with Adam's bias correction as the trainer has it. */
export function trialInputs(trial: Trial, pictures: readonly ShapePicture[], step: number, rate: number): InputValues {
  const corrected = (rate * Math.sqrt(1 - 0.999 ** (step + 1))) / (1 - 0.9 ** (step + 1));
  const indexes = pictures.map((_, index) => index);
  const targets = trial.learning.detector.targets(pictures, { seed: 1, epoch: step, indexes });
  return { x: pixelsOf(pictures), ...targets, rate: Float32Array.of(corrected), decay: Float32Array.of(0) };
}

/** Losses of every step, and COCO's figures on 64 pictures that it has not seen. */
export async function learnShapes(trial: Trial, steps: number, rate: number, scratch: string) {
  const { learning, sidePx, batch } = trial;
  const { shapes, values } = trialState(trial);
  const infer = detectorInferProgram(learning, [sidePx, sidePx, 3], batch, false);
  const engine = await createEngine({ state: shapes, programs: { step: trialStep(trial), infer } }, scratch);
  engine.write(values);
  const losses: number[] = [];
  const set = trialPictures(sidePx, 0, 320);
  for (let step = 0; step < steps; step++) {
    const from = (step * batch) % set.length;
    const inputs = trialInputs(trial, set.slice(from, from + batch), step, rate);
    losses.push(outputOf(engine.run('step', inputs), 'figures').values.at(-1) ?? Number.NaN);
  }
  const { figures } = evaluateCoco(found(engine, trial, 64));
  engine.dispose();
  return { losses, figures };
}

function found(engine: Engine, { learning, sidePx, batch }: Trial, images: number) {
  const detections: DetectedBox[] = [];
  const truths: TruthBox[] = [];
  const xywh = ([top = 0, left = 0, bottom = 0, right = 0]: ArrayLike<number> & Iterable<number>) =>
    [left * sidePx, top * sidePx, (right - left) * sidePx, (bottom - top) * sidePx] as const;
  for (let start = 0; start < images; start += batch) {
    const pictures = trialPictures(sidePx, 10_000 + start, batch);
    const said = learning.detector.detections(engine.run('infer', { x: pixelsOf(pictures) }), batch);
    for (const [row, picture] of pictures.entries()) {
      const image = start + row;
      for (const { label, score, box } of said[row] ?? []) {
        detections.push({ image, category: label, box: xywh(box), score });
      }
      for (const [index, category] of picture.labels.entries()) {
        const box = xywh(picture.boxes.subarray(index * 4, index * 4 + 4));
        truths.push({ image, category, box, area: box[2] * box[3], crowd: false, difficult: false });
      }
    }
  }
  return { images, categories: ['square', 'disc'], truths, detections };
}
