import type { Settled } from '../../contracts/auto-config.ts';
import type { ModelDescription, PrepareOutput } from '../../contracts/manifests.ts';
import type { LocalSide, TrainJob } from '../../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { advise } from '../../core/advice/advise.ts';
import { batchSizes } from '../../core/advice/batch-sizes.ts';
import { earlyCuts } from '../../core/advice/early-cuts.ts';
import { defaultProbe, probeRows } from '../../core/advice/probe.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import { GraftError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import { isLinear, trainingReads } from '../../core/training/frozen-prefix.ts';
import { defaultRangeTest, suggestRates } from '../../core/training/lr-finder.ts';
import { describeModel } from '../../core/training/model-description.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { shortJob } from '../lib/short-job.ts';
import type { TrainPorts } from '../ports.ts';

export interface Settling {
  readonly ports: TrainPorts;
  readonly activity: RunningActivity;
  readonly config: PipelineConfig;
  readonly prepared: PrepareOutput;
  /** The name under which the model keeps it. */
  readonly normalization: string;
  /** The training side on this disk. */
  readonly side: LocalSide;
  readonly workDir: string;
  readonly weightsPath: string | null;
  readonly limitMb: number;
}

/** Pictures that go through the network for the probe. */
const PROBED = 600;
const PROBE_STEPS = 3;

/** `model.strategy: auto`: the advisor's pick, as far as it fits what the file says besides. */
export async function settleStrategy(from: Settling): Promise<Settled> {
  const { ports, activity, config, prepared, side, weightsPath, workDir } = from;
  const { model, train, augment } = config;
  const rows = probeRows(side.rows, PROBED);
  const description: ModelDescription = { ...describe(from), strategy: 'head' };
  const probed =
    weightsPath === null
      ? null
      : await shortJob(
          ports,
          activity,
          {
            ...{ kind: 'probe', workDir, model: withoutHead(description), weightsPath, side, rows },
            ...{ cuts: earlyCuts(model.backbone), options: defaultProbe },
          },
          'probed',
        );
  const advice = advise({
    images: side.rows,
    classes: prepared.classes.length,
    ...{ backbone: model.backbone, pretrained: weightsPath !== null, probe: probed?.probe ?? null },
    gray: config.image.color === 'gray',
    augmenting: (isAugmenting(augment) && augment.cachedVariants === null) || model.head.length > 0,
    batchSize: train.batchSize,
  });
  // Gradual has a schedule and a first epoch of its own: where the file has another, all learns at once, slowly.
  const gradualFits = train.schedule.kind === 'constant' && train.gradual.frozenEpochs < train.epochs;
  const strategy = advice.strategy === 'gradual' && !gradualFits ? 'full' : advice.strategy;
  const backboneRate = strategy === advice.strategy ? advice.backboneRate : 0.1;
  return {
    ...{ strategy, cut: advice.cut, backboneRate: Math.min(train.backboneRate, backboneRate) },
    ...(advice.lastN === null ? {} : { lastN: advice.lastN }),
    why: [`strategy ${strategy}: ${advice.quadrant}`, ...advice.why, ...advice.cautions.map(({ message }) => message)],
  };
}

/** `train.batchSize: auto`: doubled while a few steps of it stay below the limit of memory, each in a child of its own. */
export async function settleBatchSize(from: Settling): Promise<Settled> {
  const { ports, activity, config, side, limitMb } = from;
  if (isLinear(config.model.strategy)) return { why: ['batchSize: a classifier that is solved has no batches'] };
  let fitting: { batchSize: number; residentMb: number } | null = null;
  let ended = 'there are not more images for a larger one';
  for (const batchSize of batchSizes(side.rows)) {
    try {
      const train = jobOf({ ...from, config: { ...config, train: { ...config.train, batchSize } } });
      const job = { kind: 'measure', train, keepsCodes: keepsCodes(config), steps: PROBE_STEPS } as const;
      const { measured } = await shortJob(ports, activity, job, 'measured');
      if (measured.residentMb > limitMb) {
        ended = `${batchSize} took ${Math.round(measured.residentMb)} MiB`;
        break;
      }
      fitting = { batchSize, residentMb: measured.residentMb };
    } catch (error) {
      // The child ran out of memory, or TensorFlow did; anything else would fail at the smallest size.
      if (!(error instanceof GraftError) || error.kind !== 'transient' || fitting === null) throw error;
      if (activity.signal.aborted) throw error;
      ended = `${batchSize} did not fit`;
      break;
    }
  }
  const { batchSize, residentMb } = fitting ?? { batchSize: batchSizes(side.rows)[0] ?? 1, residentMb: 0 };
  return {
    batchSize,
    why: [
      `batchSize ${batchSize}: the largest that was tried and fits (${Math.round(residentMb)} of ${limitMb} MiB); ${ended}`,
    ],
  };
}

/** `learningRate: auto`: the valley of a range test on the training pictures, as graft lr-find takes it. */
export async function settleRate(from: Settling): Promise<Settled> {
  const { ports, activity, config } = from;
  const { strategy } = config.model;
  if (isLinear(strategy)) return { why: ['learningRate: a classifier that is solved has none'] };
  const test = defaultRangeTest;
  // As fastai: the rate of gradual is found while its trunk is frozen.
  const model = strategy === 'gradual' ? { ...config.model, strategy: 'head' as const } : config.model;
  const job = { kind: 'range-test', train: jobOf({ ...from, config: { ...config, model } }), test } as const;
  const { curve } = await shortJob(ports, activity, job, 'range-tested');
  const rates = suggestRates(curve, test.iterations);
  if (rates === null) {
    const { learningRate } = config.train.optimizer;
    return { learningRate, why: [`learningRate ${learningRate}: the range test gave no curve, so the default stays`] };
  }
  const learningRate = Number(rates.valley.toPrecision(3));
  return { learningRate, why: [`learningRate ${learningRate}: the valley of a range test of ${curve.length} steps`] };
}

function describe({ config, prepared, normalization }: Settling): ModelDescription {
  const { classes, image } = prepared;
  return describeModel(config.model, { classes, image, normalization });
}

const withoutHead = ({ head: _, ...rest }: ModelDescription): ModelDescription => rest;

const keepsCodes = ({ model, augment, train }: PipelineConfig): boolean =>
  trainingReads(model, augment, train.epochs).kind === 'codes';

/** The training on its own pictures, which nothing of is kept. */
function jobOf(from: Settling): TrainJob {
  const { config, side, workDir, weightsPath } = from;
  return {
    ...{ kind: 'train', workDir, model: describe(from), lastN: config.model.lastN, reads: { kind: 'pixels' } },
    weightsPath: config.model.strategy === 'scratch' ? null : weightsPath,
    ...{ train: side, validation: side, config: config.train, augment: config.augment },
    ...{ dataOrderSha256: asSha256('0'.repeat(64)), resume: null },
  };
}
