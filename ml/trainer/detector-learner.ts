import { isAugmenting } from '../../core/augment/settings.ts';
import type { DetectorStepOptions, LearningDetector } from '../detectors/detector-programs.ts';
import { detectorInferProgram, detectorLossProgram, detectorStepProgram } from '../detectors/detector-programs.ts';
import type { Detection } from '../detectors/detector.ts';
import { createEngine, NotFinite, outputOf } from '../engine/index.ts';
import type { Engine, InputValues, Program, StateShapes } from '../engine/index.ts';
import { hostRate, momentumOf } from '../engine/rules.ts';
import type { TypedArray } from '../native/backend.ts';
import type { Model } from './model.ts';
import { LearningState, nonFinite, padded, scalar, stepName } from './learner.ts';
import type { LearnerOptions, StepAddress, StepLearner, StepOutcome } from './learner.ts';
import { movingSpecs, slotStarts, variable } from './programs.ts';

/** Images, and what the detector is to say of them; with what augmentation drew, where it draws. */
export interface DetectorBatch {
  readonly x: Uint8Array;
  readonly rows: number;
  readonly targets: InputValues;
}

export interface DetectorLearner extends StepLearner<DetectorBatch> {
  /** Each of the detector's losses, with the weights as they are used. */
  losses(batch: DetectorBatch): readonly number[];
  /** What is found in `rows` ≤ batch size images. */
  detections(x: Uint8Array, rows: number): Detection[][];
}

export interface DetectorLearnerOptions extends Omit<LearnerOptions, 'rows' | 'labelSmoothing' | 'seed'> {
  /** [height, width, channels]. */
  readonly shape: readonly number[];
  readonly validationRows: number;
}

const lossName = (batch: number): string => `loss-${batch}`;

/** Full batches of a side, and the smaller one at its end. */
const batchSizes = (rows: number, batchSize: number): number[] => [
  ...new Set([Math.min(batchSize, rows), rows % batchSize].filter((size) => size > 0)),
];

export async function createDetectorLearner(
  learning: LearningDetector,
  options: DetectorLearnerOptions,
): Promise<DetectorLearner> {
  const { shape, batchSize, trainRows, validationRows, averageDecay, scratchDir } = options;
  const augment = isAugmenting(options.augment) ? options.augment : null;
  const step: DetectorStepOptions = { ...options, augment };
  const averaged = averageDecay !== null;
  const programs = [
    ...batchSizes(trainRows, batchSize).map((size): [string, Program] => [
      stepName(size),
      detectorStepProgram(learning, shape, size, step),
    ]),
    ...batchSizes(validationRows, batchSize).map((size): [string, Program] => [
      lossName(size),
      detectorLossProgram(learning, shape, size, averaged),
    ]),
    ['infer', detectorInferProgram(learning, shape, batchSize, averaged)] as const,
  ];
  const spec = { state: stateShapes(learning, options), programs: Object.fromEntries(programs) };
  return new DetectorEngineLearner(await createEngine(spec, scratchDir), learning, options);
}

function stateShapes(
  learning: LearningDetector,
  { optimizer, averageDecay }: Pick<DetectorLearnerOptions, 'optimizer' | 'averageDecay'>,
): StateShapes {
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape } of learning.detector.params) shapes.set(variable.parameter(name), shape);
  for (const [name, { shape }] of slotStarts(learning, optimizer)) shapes.set(name, shape);
  if (averageDecay !== null)
    for (const { name, shape } of movingSpecs(learning)) shapes.set(variable.average(name), shape);
  return shapes;
}

class DetectorEngineLearner extends LearningState implements DetectorLearner {
  private readonly detecting: LearningDetector;
  private readonly options: DetectorLearnerOptions;

  constructor(engine: Engine, learning: LearningDetector, options: DetectorLearnerOptions) {
    const { trainable, statistics, detector } = learning;
    const parts: Pick<Model, 'trainable' | 'statistics' | 'all'> = { trainable, statistics, all: detector.params };
    super(engine, parts, options.averageDecay !== null);
    this.detecting = learning;
    this.options = options;
  }

  step({ x, rows, targets }: DetectorBatch, address: StepAddress): StepOutcome {
    const { optimizer, averageDecay, movesMomentum } = this.options;
    const { learningRate, momentum = null, step } = address;
    const weightDecay = optimizer.kind === 'adam' ? optimizer.weightDecay : 0;
    try {
      const outputs = this.engine.run(stepName(rows), {
        ...targets,
        x,
        rate: scalar(hostRate(optimizer, learningRate, step + 1, momentum)),
        ...(movesMomentum ? { momentum: scalar(momentum ?? momentumOf(optimizer) ?? 0) } : {}),
        decay: scalar(learningRate * weightDecay),
        ...(averageDecay === null ? {} : { averageDecay: scalar(earlyDecay(averageDecay, step)) }),
      });
      const { values } = outputOf(outputs, 'figures');
      const { lossNames } = this.detecting.detector;
      const losses = Object.fromEntries(lossNames.map((name, index) => [name, values[index] ?? Number.NaN]));
      return { loss: values[lossNames.length] ?? Number.NaN, correct: 0, losses };
    } catch (error) {
      throw error instanceof NotFinite ? nonFinite(error.value, address) : error;
    }
  }

  losses({ x, rows, targets }: DetectorBatch): readonly number[] {
    return [...outputOf(this.engine.run(lossName(rows), { ...targets, x }), 'losses').values];
  }

  detections(x: Uint8Array, rows: number): Detection[][] {
    const all: TypedArray = padded(x, rows, this.options.batchSize);
    return this.detecting.detector.detections(this.engine.run('infer', { x: all }), rows);
  }
}

/** TensorFlow's moving averages with `num_updates`: in the first steps they follow the weights, whatever they started from. */
const earlyDecay = (decay: number, step: number): number => Math.min(decay, (1 + step) / (10 + step));
