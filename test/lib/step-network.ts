import { AugmentConfig, OptimizerConfig } from '../../contracts/pipeline-config.ts';
import { elementCount } from '../../core/checkpoint/tensor-data.ts';
import type { RandomStream } from '../../core/rng.ts';
import type { InputValues, StateShapes } from '../../ml/engine/index.ts';
import { hostRate } from '../../ml/engine/rules.ts';
import { initialize } from '../../ml/nn/initialize.ts';
import type { Model } from '../../ml/trainer/model.ts';
import { dropoutSeeds, movingSpecs, slotStarts, variable } from '../../ml/trainer/programs.ts';
import type { RowSpec, StepOptions } from '../../ml/trainer/programs.ts';

/** A step that does nothing special but what `change` says. */
export function stepOptions(optimizer: object, change: Partial<StepOptions> = {}): StepOptions {
  return {
    optimizer: OptimizerConfig.parse(optimizer),
    ...{ backboneRate: 1, labelSmoothing: 0, clipNorm: null, averageDecay: null, seed: 1 },
    augment: AugmentConfig.parse({}),
    ...change,
  };
}

/** The variables of `stepProgram` over a whole model. */
export function stepState(model: Model, { optimizer, averageDecay }: StepOptions): StateShapes {
  const shapes = new Map<string, readonly number[]>(
    model.all.map(({ name, shape }) => [variable.parameter(name), shape]),
  );
  for (const [name, { shape }] of slotStarts(model, optimizer)) shapes.set(name, shape);
  if (averageDecay !== null)
    for (const { name, shape } of movingSpecs(model)) shapes.set(variable.average(name), shape);
  return shapes;
}

/** Values to start with: weights drawn, slots as their rule says, averages equal to the weights. */
export function startValues(model: Model, { optimizer, averageDecay, seed }: StepOptions): Map<string, Float32Array> {
  const drawn = initialize(model.all, seed);
  const values = new Map([...drawn].map(([name, each]) => [variable.parameter(name), each]));
  for (const [name, { shape, start }] of slotStarts(model, optimizer))
    values.set(name, new Float32Array(elementCount(shape)).fill(start));
  if (averageDecay !== null)
    for (const { name } of movingSpecs(model)) values.set(variable.average(name), drawn.get(name)!.slice());
  return values;
}

export interface StepAt {
  readonly batch: number;
  readonly options: StepOptions;
  /** 0 for the first step. */
  readonly at: number;
  readonly random: RandomStream;
}

/** What goes into `stepProgram` at a step: made-up pictures (or codes) whose labels take turns. */
export function stepInputs(model: Model, rows: RowSpec, { batch, options, at, random }: StepAt): InputValues {
  const count = batch * elementCount(rows.shape);
  const draw = (index: number): number => random.uniform(at, index);
  const classes = model.blocks.at(-1)?.outChannels ?? 1;
  const { optimizer } = options;
  const decay = optimizer.kind === 'adam' ? optimizer.weightDecay : 0;
  return {
    x:
      rows.kind === 'pixels'
        ? Uint8Array.from({ length: count }, (_, index) => Math.floor(draw(index) * 256))
        : Float32Array.from({ length: count }, (_, index) => draw(index) * 4 - 2),
    labels: Int32Array.from({ length: batch }, (_, index) => (index + at) % classes),
    rate: Float32Array.of(hostRate(optimizer, optimizer.learningRate, at + 1)),
    decay: Float32Array.of(optimizer.learningRate * decay),
    averageDecay: Float32Array.of(options.averageDecay ?? 0),
    dropoutSeeds: dropoutSeeds(model, options.seed, { epoch: 0, step: at }),
  };
}
