import type { LinearKind } from '../linear/classifiers.ts';
import { isLinear } from '../training/frozen-prefix.ts';
import type { Strategy } from '../training/frozen-prefix.ts';

/** What a few steps took on a machine (ml/trainer/measure.ts), and how long a child takes until it can begin. */
export interface Measured {
  readonly readySeconds: number;
  readonly openSeconds: number;
  readonly stepSeconds: number;
  readonly stepFast: number;
  readonly stepSlow: number;
  readonly scoreSeconds: number;
  readonly prefix: { readonly openSeconds: number; readonly batchSeconds: number } | null;
  readonly codeValues: number | null;
  readonly residentMb: number;
}

/** A training as it is asked for. */
export interface TrainingPlan {
  readonly strategy: Strategy;
  readonly trainRows: number;
  readonly validationRows: number;
  readonly epochs: number;
  /** Those of strategy gradual in which the trunk is frozen: a step then costs about a third. */
  readonly frozenEpochs: number;
  readonly batchSize: number;
  /** Draws of each training image that are kept. */
  readonly variants: number;
  readonly parameters: number;
  readonly trainable: number;
  /** Values that the optimizer keeps for each trainable one. */
  readonly slots: number;
  readonly averages: boolean;
  readonly codeBytes: 2 | 4;
  readonly checkpoints: { readonly keepLast: number; readonly keepBest: boolean };
}

export interface Range {
  readonly low: number;
  readonly expected: number;
  readonly high: number;
}

export interface Estimate {
  /** Of the stage `train`, from an idle worker to stored weights. */
  readonly seconds: Range;
  /** What it is made of. */
  readonly parts: {
    readonly starting: number;
    readonly features: number;
    readonly steps: number;
    readonly validation: number;
  };
  readonly steps: number;
  readonly memoryMb: number;
  readonly storage: { readonly codes: number; readonly checkpoints: number; readonly weights: number };
  /** What keeping the frozen part's output saves; null where nothing is frozen or kept. */
  readonly saved: { readonly seconds: number; readonly passes: number; readonly passesWithout: number } | null;
}

/** Rows of a frozen forward pass. */
const PREFIX_BATCH = 32;
/** Iterations that solving a classifier takes on codes, by experience: 20 to 300 (core/linear). */
const SOLVER_ITERATIONS = 100;
/** Multiplications and additions a second of the solver: plain JavaScript on one core. */
const SOLVER_RATE = 1.2e9;
/** Claiming the attempt, writing and storing weights, and what a stage does beside. */
const STAGE_SECONDS = 0.8;
/** Other things run on a machine too: no estimate is better than this. */
const LEAST_DOUBT = 0.15;

/** Time, memory and space of a training, from measured parts. Pure. */
export function estimateTraining(plan: TrainingPlan, measured: Measured): Estimate {
  const perEpoch = Math.ceil(plan.trainRows / plan.batchSize);
  const scored = Math.ceil(plan.validationRows / plan.batchSize);
  const { strategy } = plan;
  const solved = isLinear(strategy);
  const steps = solved ? 0 : plan.epochs * perEpoch;
  const { prefix } = measured;
  const passes = plan.trainRows * plan.variants + plan.validationRows;
  const features = prefix
    ? measured.readySeconds + prefix.openSeconds + Math.ceil(passes / PREFIX_BATCH) * prefix.batchSeconds
    : 0;
  const solving = isLinear(strategy) ? solverSeconds(strategy, plan, measured) : 0;
  const parts = {
    starting: measured.readySeconds + (solved ? 0 : measured.openSeconds) + STAGE_SECONDS,
    features,
    steps: solved ? solving : steps * measured.stepSeconds * (1 - (2 / 3) * (plan.frozenEpochs / plan.epochs)),
    validation: solved ? 0 : plan.epochs * scored * measured.scoreSeconds,
  };
  const expected = parts.starting + parts.features + parts.steps + parts.validation;
  return {
    seconds: rangeOf(expected, parts.steps, measured, solved),
    parts,
    steps,
    memoryMb: Math.round(measured.residentMb),
    storage: storageOf(plan, measured, passes),
    saved: prefix && savedBy(plan, prefix.batchSeconds / PREFIX_BATCH, passes),
  };
}

function rangeOf(
  expected: number,
  stepping: number,
  { stepSeconds, stepFast, stepSlow }: Measured,
  solved: boolean,
): Range {
  const share = stepSeconds === 0 ? 0 : 1 / stepSeconds;
  // How long a problem takes to solve is not known before: between a third and three times as many iterations.
  const low = solved ? stepping * (2 / 3) : stepping * Math.max(0, 1 - stepFast * share);
  const high = solved ? stepping * 2 : stepping * Math.max(0, stepSlow * share - 1);
  return {
    low: Math.max(0, expected - Math.max(low, LEAST_DOUBT * expected)),
    expected,
    high: expected + Math.max(high, LEAST_DOUBT * expected),
  };
}

/** Each iteration goes over all codes forth and back, for every class. */
function solverSeconds(kind: LinearKind, { trainRows, variants, trainable }: TrainingPlan, _: Measured): number {
  const each = 2 * 2 * trainRows * variants * trainable;
  return (SOLVER_ITERATIONS * each * (kind === 'svm' ? 0.5 : 1)) / SOLVER_RATE;
}

function storageOf(plan: TrainingPlan, { codeValues }: Measured, passes: number): Estimate['storage'] {
  const { trainable, slots, averages, checkpoints, parameters, codeBytes } = plan;
  const state = 4 * trainable * (1 + slots + Number(averages));
  const kept = checkpoints.keepLast + Number(checkpoints.keepBest);
  // Each checkpoint holds the best epoch's weights as well.
  return {
    codes: codeValues === null ? 0 : passes * codeValues * codeBytes,
    checkpoints: isLinear(plan.strategy) ? 0 : kept * (state + 4 * trainable),
    weights: 4 * parameters,
  };
}

/** Without it every epoch sends every image through the frozen part again, training and validation. */
function savedBy({ trainRows, validationRows, epochs, strategy }: TrainingPlan, perImage: number, passes: number) {
  const without = isLinear(strategy) ? passes : epochs * (trainRows + validationRows);
  return { seconds: Math.max(0, (without - passes) * perImage), passes, passesWithout: without };
}

/**
 * How long a training of another size takes at the measured speed: "ResNet50 from scratch on N images: D days". Steps a
 * picture cost what they cost here; starting is left out.
 */
export function daysFor(images: number, epochs: number, { stepSeconds }: Measured, batchSize: number): number {
  return (images * epochs * (stepSeconds / batchSize)) / 86_400;
}
