import type { RunEstimate } from '../../../contracts/estimate.ts';
import type { PipelineConfig } from '../../../contracts/pipeline-config.ts';
import { estimateTraining } from '../../../core/advice/estimate.ts';
import type { Estimate, Measured, Range, TrainingPlan } from '../../../core/advice/estimate.ts';
import { choiceName, measuredAs } from '../../../core/advice/plan-rows.ts';
import type { PlanChoice } from '../../../core/advice/plan-rows.ts';
import { workOf } from '../../../core/advice/work.ts';
import type { Work } from '../../../core/advice/work.ts';
import { isLinear, trainingReads } from '../../../core/training/frozen-prefix.ts';
import type { PlanSample } from './sample.ts';

/** One line of a plan. */
export interface PlannedStrategy extends PlanChoice {
  readonly name: string;
  readonly work: Work;
  readonly estimate: Estimate;
  readonly cost: Range | null;
}

export interface PlanSize {
  readonly train: number;
  readonly validation: number;
}

const slotsOf = { sgd: 0, momentum: 1, adam: 2, rmsprop: 2 } as const;

/** The pipeline as it would be with another way to train. */
export function configWith(config: PipelineConfig, { strategy, lastN, cut }: PlanChoice): PipelineConfig {
  return { ...config, model: { ...config.model, strategy, lastN, cut } };
}

/** Whether a choice can be trained as the file stands: what is drawn anew for every epoch can't be solved. */
export function fits(config: PipelineConfig, choice: PlanChoice): boolean {
  const reads = trainingReads({ ...config.model, ...choice }, config.augment, config.train.epochs);
  return !isLinear(choice.strategy) || reads.kind === 'codes';
}

/** Measures each kind of training once and works out every choice from that. */
export async function planStrategies(
  config: PipelineConfig,
  { model }: PlanSample,
  {
    choices,
    size,
    price,
    measure,
  }: {
    readonly choices: readonly PlanChoice[];
    readonly size: PlanSize;
    readonly price: number | null;
    measure(config: PipelineConfig): Promise<Measured>;
  },
): Promise<PlannedStrategy[]> {
  const measured = new Map<string, Measured>();
  const planned: PlannedStrategy[] = [];
  for (const choice of choices) {
    const own = configWith(config, choice);
    const key = measuredAs(choice);
    const found = measured.get(key) ?? (await measure(own));
    measured.set(key, found);
    const { heightPx, widthPx } = model.image;
    const shape = { backbone: config.model.backbone, classes: model.classes.length, heightPx, widthPx };
    const work = workOf({ ...shape, ...choice });
    const estimate = estimateTraining(trainingPlan(own, work, size), found);
    planned.push({ ...choice, name: choiceName(choice), work, estimate, cost: costOf(estimate.seconds, price) });
  }
  return planned;
}

function trainingPlan({ model, train, augment }: PipelineConfig, work: Work, size: PlanSize): TrainingPlan {
  const reads = trainingReads(model, augment, train.epochs);
  return {
    strategy: model.strategy,
    trainRows: size.train,
    validationRows: size.validation,
    epochs: train.epochs,
    frozenEpochs: model.strategy === 'gradual' ? Math.min(train.gradual.frozenEpochs, train.epochs) : 0,
    batchSize: train.batchSize,
    variants: reads.kind === 'codes' ? reads.variants : 1,
    parameters: work.parameters,
    trainable: work.trainable,
    slots: slotsOf[train.optimizer.kind],
    averages: train.averageDecay !== null,
    codeBytes: train.featureType === 'float16' ? 2 : 4,
    checkpoints: train.checkpoint,
  };
}

function costOf({ low, expected, high }: Range, price: number | null): Range | null {
  const of = (seconds: number): number => (seconds / 3600) * (price ?? 0);
  return price === null ? null : { low: of(low), expected: of(expected), high: of(high) };
}

/** What a run of this choice is compared with afterwards. */
export function runEstimate({ estimate, cost }: PlannedStrategy, plannedAt: Date): RunEstimate {
  const { codes, checkpoints, weights } = estimate.storage;
  return {
    plannedAt: plannedAt.toISOString(),
    seconds: estimate.seconds,
    memoryMb: estimate.memoryMb,
    storageBytes: codes + checkpoints + weights,
    cost,
  };
}
