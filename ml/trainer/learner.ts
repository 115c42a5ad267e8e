import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { failedError } from '../../core/errors.ts';
import { createEngine, NotFinite, outputOf } from '../engine/index.ts';
import type { Engine, Program, StateShapes } from '../engine/index.ts';
import { hostRate, momentumOf } from '../engine/rules.ts';
import type { TypedArray } from '../native/backend.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import type { Model } from './model.ts';
import { dropoutSeeds, inferProgram, movingSpecs, slotStarts, stepProgram, variable } from './programs.ts';
import type { Learning, RowSpec, StepOptions } from './programs.ts';

/** Where a step stands in the run: what its random draws and its update are a function of. */
export interface StepAddress {
  readonly epoch: number;
  /** 0 for the first step of the run. */
  readonly step: number;
  readonly learningRate: number;
  /** In place of the optimizer's own, where the schedule moves it (`movesMomentum`). */
  readonly momentum?: number | null;
  /** Whether only what `LearnerOptions.frozen` has learns. */
  readonly frozen?: boolean;
}

export interface StepOutcome {
  /** Mean cross-entropy over the batch, before the update; of a detector all its losses together. */
  readonly loss: number;
  readonly correct: number;
  /** What the loss is made of, where it has parts. */
  readonly losses?: Readonly<Record<string, number>>;
}

/** Rows of a program's input back to back, and their labels. */
export interface Batch {
  readonly x: TypedArray;
  readonly labels: Int32Array;
  /** What augmentation drew for these rows (core/augment/inputs.ts). */
  readonly augmentation?: Readonly<Record<string, TypedArray>>;
}

export interface LearnerOptions extends StepOptions {
  readonly rows: RowSpec;
  readonly batchSize: number;
  /** Rows of the training set: its last batch may be smaller. */
  readonly trainRows: number;
  readonly scratchDir: string;
  /** The same model with less that learns, for some of the steps (strategy gradual). */
  readonly frozen?: Model;
}

/** What the training loop asks of whatever learns: programs and variables in one engine. */
export interface StepLearner<B> {
  readonly engine: Engine;
  /** Forward, backward and update. TRAIN_NONFINITE (failed) where the loss is no number; then nothing is updated. */
  step(batch: B, address: StepAddress): StepOutcome;
  /** The variables that training changes: what learns, its slots and averages. */
  readonly moving: StateShapes;
  /** Their values, as the tensors of a checkpoint. */
  state(): Map<string, TensorData>;
  /** The weights and statistics that learn, as the finished model has them, by their names in the model. */
  weights(): Map<string, TensorData>;
}

/** A classifier that learns. */
export interface Learner extends StepLearner<Batch> {
  /** Logits [rows × classes] of `rows` ≤ batch size rows, with the averaged weights where there are averages. */
  logits(x: TypedArray, rows: number): Float32Array;
}

export async function createLearner(model: Model, options: LearnerOptions): Promise<Learner> {
  const { rows, batchSize, trainRows, averageDecay, scratchDir } = options;
  const sizes = new Set([Math.min(batchSize, trainRows), trainRows % batchSize].filter((size) => size > 0));
  // A program for each batch size: a padded batch would have other BatchNorm statistics.
  const steps = [...sizes].map((size): [string, Program] => [stepName(size), stepProgram(model, rows, size, options)]);
  const frozen = options.frozen;
  const frozenSteps = [...(frozen ? sizes : [])].map((size): [string, Program] => [
    `frozen-${stepName(size)}`,
    stepProgram(frozen ?? model, rows, size, options),
  ]);
  const programs = {
    ...Object.fromEntries([...steps, ...frozenSteps]),
    infer: inferProgram(model, rows, batchSize, averageDecay !== null),
  };
  const engine = await createEngine({ state: stateShapes(model, options), programs }, scratchDir);
  return new EngineLearner(engine, model, options);
}

export const stepName = (batch: number): string => `step-${batch}`;

function stateShapes(model: Model, { rows, optimizer, averageDecay }: LearnerOptions): StateShapes {
  const from = rows.kind === 'codes' ? model.prefix : 0;
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape } of paramsOf(model.blocks, from)) shapes.set(variable.parameter(name), shape);
  for (const [name, { shape }] of slotStarts(model, optimizer)) shapes.set(name, shape);
  if (averageDecay !== null)
    for (const { name, shape } of movingSpecs(model)) shapes.set(variable.average(name), shape);
  return shapes;
}

/** The variables of a training as a checkpoint and a finished model have them. */
export class LearningState {
  readonly engine: Engine;
  readonly moving: StateShapes;
  private readonly learning: Learning;
  private readonly isAveraged: boolean;

  constructor(engine: Engine, learning: Learning & Pick<Model, 'all'>, isAveraged: boolean) {
    this.engine = engine;
    this.learning = learning;
    this.isAveraged = isAveraged;
    const still = new Set(learning.all.map(({ name }) => variable.parameter(name)));
    for (const { name } of movingSpecs(learning)) still.delete(variable.parameter(name));
    this.moving = new Map([...engine.shapes].filter(([name]) => !still.has(name)));
  }

  state(): Map<string, TensorData> {
    return this.read([...this.moving.keys()]);
  }

  weights(): Map<string, TensorData> {
    const where = this.isAveraged ? variable.average : variable.parameter;
    const specs = movingSpecs(this.learning);
    const values = this.read(specs.map(({ name }) => where(name)));
    return new Map([...values.values()].map((data, index) => [specs[index]?.name ?? '', data]));
  }

  private read(names: readonly string[]): Map<string, TensorData> {
    const values = this.engine.read(names);
    return new Map([...values].map(([name, each]) => [name, float32Tensor(each, this.engine.shapes.get(name) ?? [])]));
  }
}

class EngineLearner extends LearningState implements Learner {
  private readonly model: Model;
  private readonly options: LearnerOptions;

  constructor(engine: Engine, model: Model, options: LearnerOptions) {
    super(engine, model, options.averageDecay !== null);
    this.model = model;
    this.options = options;
  }

  step({ x, labels, augmentation }: Batch, address: StepAddress): StepOutcome {
    const { optimizer, averageDecay, seed, movesMomentum } = this.options;
    const { learningRate, momentum = null, step, frozen = false } = address;
    const weightDecay = optimizer.kind === 'adam' ? optimizer.weightDecay : 0;
    try {
      const program = `${frozen ? 'frozen-' : ''}${stepName(labels.length)}`;
      const outputs = this.engine.run(program, {
        ...augmentation,
        x,
        labels,
        rate: scalar(hostRate(optimizer, learningRate, step + 1, momentum)),
        ...(movesMomentum ? { momentum: scalar(momentum ?? momentumOf(optimizer) ?? 0) } : {}),
        decay: scalar(learningRate * weightDecay),
        averageDecay: scalar(averageDecay ?? 0),
        dropoutSeeds: dropoutSeeds(this.model, seed, address),
      });
      const [loss = Number.NaN, correct = 0] = outputOf(outputs, 'figures').values;
      return { loss, correct };
    } catch (error) {
      throw error instanceof NotFinite ? nonFinite(error.value, address) : error;
    }
  }

  logits(x: TypedArray, rows: number): Float32Array {
    return inferPadded(this.engine, x, rows, this.options.batchSize);
  }
}

/** Runs `infer` on at most `batch` rows: the rest is padded, and what comes out for it is cut off. */
export function inferPadded(engine: Engine, x: TypedArray, rows: number, batch: number): Float32Array {
  const { values } = outputOf(engine.run('infer', { x: padded(x, rows, batch) }), 'logits');
  return values.subarray(0, (values.length / batch) * rows);
}

/** `rows` rows followed by zeros up to `batch`. */
export function padded(x: TypedArray, rows: number, batch: number): TypedArray {
  if (rows === batch) return x;
  const size = (x.length / rows) * batch;
  const out = x instanceof Float32Array ? new Float32Array(size) : new Uint8Array(size);
  out.set(x);
  return out;
}

export const scalar = (value: number): Float32Array => new Float32Array([value]);

export function nonFinite(loss: number, { step, epoch, learningRate }: StepAddress): Error {
  return failedError(
    'TRAIN_NONFINITE',
    `step ${step + 1} of epoch ${epoch + 1}`,
    `the loss is ${loss} at learning rate ${learningRate}`,
    'a finite loss',
    'lower train.optimizer.learningRate or set train.clipNorm; the last checkpoint is from before',
  );
}
