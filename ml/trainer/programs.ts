import * as tf from '@tensorflow/tfjs';
import { augmentationInputShapes } from '../../core/augment/inputs.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { purposeWord, stream } from '../../core/rng.ts';
import type { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import { augmentImages, mixTargets } from '../augment/augment-images.ts';
import type { InputSpec, Program, ProgramState } from '../engine/index.ts';
import { slotsOf } from '../engine/rules.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import { inferenceContext } from '../nn/contexts.ts';
import type { ApplyContext, ParamSpec } from '../nn/module.ts';
import { imageBatch } from './images.ts';
import type { Model } from './model.ts';

/** What a row of a program's input `x` is: uint8 pixels [height, width, channels], or the output of the frozen prefix. */
export interface RowSpec {
  readonly kind: 'pixels' | 'codes';
  readonly shape: readonly number[];
}

export interface StepOptions {
  readonly optimizer: OptimizerConfig;
  /** Learning rate of the backbone's parameters as a share of the head's. */
  readonly backboneRate: number;
  /** The same for each parameter, where they differ. */
  readonly rateShares?: ReadonlyMap<string, number>;
  readonly labelSmoothing: number;
  readonly clipNorm: number | null;
  /** Share of the old value that a moving average of the weights keeps each step; null for no average. */
  readonly averageDecay: number | null;
  readonly augment: AugmentSettings;
  readonly seed: number;
  /** Whether the momentum (Adam's β1) is an input of each step, because a schedule moves it. */
  readonly movesMomentum?: boolean;
}

/** Names of a training's variables: those of a checkpoint. */
export const variable = {
  parameter: (name: string): string => `param/${name}`,
  slot: (slot: string, name: string): string => `slot/${slot}/${name}`,
  average: (name: string): string => `average/${name}`,
};

/** The part of a model that a step changes. */
export type Learning = Pick<Model, 'trainable' | 'statistics'>;

/** Everything that a step changes: by name in the model, weights first. */
export function movingSpecs(model: Learning): readonly ParamSpec[] {
  return [...model.trainable, ...model.statistics];
}

/** Shapes of the optimizer's slots and of the moving averages, by variable, and the value that a slot starts with. */
export function slotStarts(
  model: Learning,
  optimizer: OptimizerConfig,
): Map<string, { shape: readonly number[]; start: number }> {
  const slots = Object.entries(slotsOf(optimizer));
  return new Map(
    model.trainable.flatMap(({ name, shape }) =>
      slots.map(([slot, start]) => [variable.slot(slot, name), { shape, start }] as const),
    ),
  );
}

/** x → logits [batch, classes], with the weights or with their moving averages. Rows may be padding: each stands alone. */
export function inferProgram(model: Model, rows: RowSpec, batch: number, averaged: boolean): Program {
  const moving = new Set(averaged ? movingSpecs(model).map(({ name }) => name) : []);
  return {
    inputs: { x: inputSpec(rows, batch) },
    run(inputs, state) {
      const context = inferenceContext((name) =>
        state.get(moving.has(name) ? variable.average(name) : variable.parameter(name)),
      );
      return {
        logits: applyBlocks(
          model.blocks,
          start(model, rows),
          model.blocks.length,
          enter(model, rows, inputs, null),
          context,
        ),
      };
    },
  };
}

/** Pixels → the output of the frozen prefix. With `augment` it takes what augmentation draws, and changes them first. */
export function prefixProgram(
  model: Model,
  shape: readonly number[],
  batch: number,
  augment: AugmentSettings | null = null,
): Program {
  const rows: RowSpec = { kind: 'pixels', shape };
  return {
    inputs: { x: inputSpec(rows, batch), ...(augment ? augmentationInputShapes(augment, batch) : {}) },
    run(inputs, state) {
      const context = inferenceContext((name) => state.get(variable.parameter(name)));
      return { codes: applyBlocks(model.blocks, 0, model.prefix, enter(model, rows, inputs, augment), context) };
    },
  };
}

/**
 * Forward, backward and update. Inputs besides `x` and `labels` int32 [batch]: `rate`, `decay`, `averageDecay`
 * and, where it moves, `momentum`, scalars, `dropoutSeeds` int32 [blocks with dropout, 2], and what augmentation draws (core/augment/inputs.ts). Gives
 * `figures` [2]: the mean cross-entropy over the batch before the update, and how many rows' largest logit is their label. A loss that is not finite stops it (`NotFinite`).
 */
export function stepProgram(model: Model, rows: RowSpec, batch: number, options: StepOptions): Program {
  const dropouts = dropoutBlocks(model);
  // Codes stand behind the augmentation, if there was any.
  const augment = rows.kind === 'pixels' && isAugmenting(options.augment) ? options.augment : null;
  return {
    inputs: {
      x: inputSpec(rows, batch),
      labels: { shape: [batch], dtype: 'int32' },
      rate: { shape: [], dtype: 'float32' },
      decay: { shape: [], dtype: 'float32' },
      ...(options.movesMomentum ? { momentum: { shape: [], dtype: 'float32' } } : {}),
      ...(options.averageDecay === null ? {} : { averageDecay: { shape: [], dtype: 'float32' } }),
      ...(augment ? augmentationInputShapes(augment, batch) : {}),
      ...(dropouts.length > 0 ? { dropoutSeeds: { shape: [dropouts.length, 2], dtype: 'int32' } } : {}),
    },
    run: (inputs, state) => {
      const { labels } = inputs;
      const names = model.trainable.map(({ name }) => name);
      const seeds = inputs['dropoutSeeds'];
      let figures: tf.Tensor | undefined;
      const forward = (...values: tf.Tensor[]): tf.Scalar => {
        const byName = new Map(names.map((name, index) => [name, values[index]]));
        const param = (name: string): tf.Tensor => byName.get(name) ?? state.get(variable.parameter(name));
        const context = trainingContext(model, param, state, (block) => seedOf(seeds, dropouts.indexOf(block)));
        const prefix = inferenceContext((name) => state.get(variable.parameter(name)));
        const entered = enter(model, rows, inputs, augment);
        const features = applyBlocks(model.blocks, start(model, rows), model.prefix, entered, prefix);
        const logits = applyBlocks(model.blocks, model.prefix, model.blocks.length, features, context);
        const oneHot = oneHotOf(given(labels), logits.shape[1] ?? 1);
        const targets = augment ? mixTargets(augment, oneHot, inputs) : oneHot;
        const loss = crossEntropy(logits, targets, options.labelSmoothing);
        figures = tf.keep(tf.tidy(() => tf.stack([loss, countCorrect(logits, given(labels))])));
        return loss;
      };
      const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => state.get(variable.parameter(name))));
      const out = given(figures).clone();
      figures?.dispose();
      state.guardFinite(value);
      const gradients = options.clipNorm === null ? grads : clipByGlobalNorm(grads, options.clipNorm);
      update(model, options, gradients, inputs, state);
      return { figures: out };
    },
  };
}

/** The optimizer's step on everything that learns. Inputs: `rate`, `decay` and, where there are averages, `averageDecay`. */
export function update(
  model: Learning,
  options: Pick<StepOptions, 'optimizer' | 'averageDecay' | 'backboneRate' | 'rateShares'>,
  gradients: readonly tf.Tensor[],
  inputs: Readonly<Record<string, tf.Tensor>>,
  state: ProgramState,
): void {
  const { optimizer, averageDecay } = options;
  const decays = optimizer.kind === 'adam' && optimizer.weightDecay > 0;
  const ratesOf = ratesByShare(given(inputs['rate']), given(inputs['decay']));
  for (const [index, { name, decay }] of model.trainable.entries()) {
    const own = ratesOf(name.startsWith('backbone/') ? (options.rateShares?.get(name) ?? options.backboneRate) : 1);
    state.apply({
      rule: optimizer,
      variable: variable.parameter(name),
      slots: Object.fromEntries(Object.keys(slotsOf(optimizer)).map((slot) => [slot, variable.slot(slot, name)])),
      gradient: given(gradients[index]),
      rate: own.rate,
      shrink: decays && decay ? tf.sub(1, own.decay) : null,
      momentum: inputs['momentum'],
    });
  }
  if (averageDecay === null) return;
  for (const { name } of movingSpecs(model)) {
    state.average(variable.average(name), variable.parameter(name), given(inputs['averageDecay']));
  }
}

/** Rate and decay as a share of the whole ones: each share is worked out once. */
function ratesByShare(rate: tf.Tensor, decay: tf.Tensor): (share: number) => { rate: tf.Tensor; decay: tf.Tensor } {
  const known = new Map([[1, { rate, decay }]]);
  return (share) => {
    const found = known.get(share) ?? { rate: rate.mul(share), decay: decay.mul(share) };
    known.set(share, found);
    return found;
  };
}

/** The learning blocks' context: batch statistics go to the state, frozen blocks keep theirs. */
function trainingContext(
  model: Model,
  param: (name: string) => tf.Tensor,
  state: ProgramState,
  dropoutSeed: (block: string) => tf.Tensor,
): ApplyContext {
  const frozen = new Set(model.blocks.slice(0, model.cut).map((block) => block.name));
  return {
    param,
    training: true,
    isFrozen: (block) => frozen.has(block),
    setStatistic: (name, value) => {
      state.set(variable.parameter(name), value);
    },
    dropoutSeed,
  };
}

const start = (model: Model, { kind }: RowSpec): number => (kind === 'codes' ? model.prefix : 0);

const inputSpec = ({ kind, shape }: RowSpec, batch: number): InputSpec => ({
  shape: [batch, ...shape],
  dtype: kind === 'codes' ? 'float32' : 'uint8',
});

/** The input `x` as the first block takes it: codes as they are, pixels augmented and normalized. */
function enter(
  model: Model,
  { kind }: RowSpec,
  inputs: Readonly<Record<string, tf.Tensor>>,
  augment: AugmentSettings | null,
): tf.Tensor {
  const x = given(inputs['x']);
  if (kind === 'codes') return x;
  return imageBatch(augment ? augmentImages(augment, rank4(x), inputs) : x, model.backbone.preprocessing);
}

/** Blocks of the learning part that draw: those whose names end so. */
function dropoutBlocks(model: Model): readonly string[] {
  return model.blocks.filter(({ name }) => name.endsWith('/dropout')).map(({ name }) => name);
}

/** The value of `dropoutSeeds` at a step: an address each, from 31 bits so that no sign is in the way. */
export function dropoutSeeds(
  model: Model,
  seed: number,
  at: { readonly epoch: number; readonly step: number },
): Int32Array {
  const words = stream(seed, 'dropout').words(at.epoch, at.step);
  return Int32Array.from(
    dropoutBlocks(model).flatMap((block) => [(words[0] ^ purposeWord(block)) & 0x7fffffff, words[1] & 0x7fffffff]),
  );
}

function seedOf(seeds: tf.Tensor | undefined, index: number): tf.Tensor {
  return tf.slice(given(seeds), [index, 0], [1, 2]).reshape([2]);
}

/** Class indexes int32 [batch] → float32 [batch, classes]. */
function oneHotOf(labels: tf.Tensor, classes: number): tf.Tensor2D {
  return tf.reshape<tf.Rank.R2>(tf.oneHot(labels, classes).toFloat(), [labels.size, classes]);
}

/** Mean over the batch of −Σ target·log softmax; smoothing spreads ε evenly over all classes (Szegedy et al. 1512.00567 §7). */
function crossEntropy(logits: tf.Tensor, targets: tf.Tensor, smoothing: number): tf.Scalar {
  return tf.tidy(() => {
    const classes = logits.shape[1] ?? 1;
    const target = smoothing > 0 ? targets.mul(1 - smoothing).add(smoothing / classes) : targets;
    return target.mul(tf.logSoftmax(logits)).sum(1).mean().neg().asScalar();
  });
}

function countCorrect(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  return logits.argMax(1).equal(labels).toFloat().sum().asScalar();
}

/** Scales all gradients by min(1, limit/‖g‖) with the norm over all of them (Pascanu et al. 1211.5063). */
export function clipByGlobalNorm(gradients: readonly tf.Tensor[], limit: number): tf.Tensor[] {
  const squares = gradients.map((gradient) => gradient.square().sum());
  const scale = tf.minimum(1, tf.div(limit, tf.addN(squares).sqrt().add(1e-12)));
  return gradients.map((gradient) => gradient.mul(scale));
}

function rank4(x: tf.Tensor): tf.Tensor4D {
  return x.as4D(...sides4(x.shape));
}

function sides4([n = 1, height = 1, width = 1, channels = 1]: readonly number[]): [number, number, number, number] {
  return [n, height, width, channels];
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a program lacks a tensor');
  return value;
}
