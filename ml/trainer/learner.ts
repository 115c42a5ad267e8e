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
import type { RowSpec, StepOptions } from './programs.ts';

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
  /** Mean cross-entropy over the batch, before the update. */
  readonly loss: number;
  readonly correct: number;
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

/** A model that learns: programs and variables in one engine. */
export interface Learner {
  readonly engine: Engine;
  /** Forward, backward and update. TRAIN_NONFINITE (failed) where the loss is no number; then nothing is updated. */
  step(batch: Batch, address: StepAddress): StepOutcome;
  /** Logits [rows × classes] of `rows` ≤ batch size rows, with the averaged weights where there are averages. */
  logits(x: TypedArray, rows: number): Float32Array;
  /** The variables that training changes: what learns, its slots and averages. */
  readonly moving: StateShapes;
  /** Their values, as the tensors of a checkpoint. */
  state(): Map<string, TensorData>;
  /** The weights and statistics that learn, as the finished model has them, by their names in the model. */
  weights(): Map<string, TensorData>;
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

const stepName = (batch: number): string => `step-${batch}`;

function stateShapes(model: Model, { rows, optimizer, averageDecay }: LearnerOptions): StateShapes {
  const from = rows.kind === 'codes' ? model.prefix : 0;
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape } of paramsOf(model.blocks, from)) shapes.set(variable.parameter(name), shape);
  for (const [name, { shape }] of slotStarts(model, optimizer)) shapes.set(name, shape);
  if (averageDecay !== null)
    for (const { name, shape } of movingSpecs(model)) shapes.set(variable.average(name), shape);
  return shapes;
}

class EngineLearner implements Learner {
  readonly engine: Engine;
  readonly moving: StateShapes;
  private readonly model: Model;
  private readonly options: LearnerOptions;

  constructor(engine: Engine, model: Model, options: LearnerOptions) {
    this.engine = engine;
    this.model = model;
    this.options = options;
    const still = new Set(model.all.map(({ name }) => variable.parameter(name)));
    for (const { name } of movingSpecs(model)) still.delete(variable.parameter(name));
    this.moving = new Map([...engine.shapes].filter(([name]) => !still.has(name)));
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

  state(): Map<string, TensorData> {
    return this.read([...this.moving.keys()]);
  }

  weights(): Map<string, TensorData> {
    const where = this.options.averageDecay === null ? variable.parameter : variable.average;
    const specs = movingSpecs(this.model);
    const values = this.read(specs.map(({ name }) => where(name)));
    return new Map([...values.values()].map((data, index) => [specs[index]?.name ?? '', data]));
  }

  private read(names: readonly string[]): Map<string, TensorData> {
    const values = this.engine.read(names);
    return new Map([...values].map(([name, each]) => [name, float32Tensor(each, this.engine.shapes.get(name) ?? [])]));
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

const scalar = (value: number): Float32Array => new Float32Array([value]);

function nonFinite(loss: number, { step, epoch, learningRate }: StepAddress): Error {
  return failedError(
    'TRAIN_NONFINITE',
    `step ${step + 1} of epoch ${epoch + 1}`,
    `the loss is ${loss} at learning rate ${learningRate}`,
    'a finite loss',
    'lower train.optimizer.learningRate or set train.clipNorm; the last checkpoint is from before',
  );
}
