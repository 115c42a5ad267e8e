import { Command, InvalidArgumentError } from 'commander';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';
import { advise } from '../core/advice/advise.ts';
import type { Advice } from '../core/advice/advise.ts';
import { layerGroups } from '../core/advice/layers.ts';
import { planChoices } from '../core/advice/plan-rows.ts';
import { isAugmenting } from '../core/augment/settings.ts';
import { unwrap } from '../core/result.ts';
import { settings } from '../infra/config.ts';
import { fetchWeights } from '../infra/native/weights-fetch.ts';
import { loadPipelineFile } from '../infra/pipeline-file/load.ts';
import { keepPlan } from './lib/plan/keep.ts';
import { measureTraining, probeSample } from './lib/plan/measure.ts';
import { fits, planStrategies, runEstimate } from './lib/plan/plan-strategies.ts';
import type { PlannedStrategy } from './lib/plan/plan-strategies.ts';
import { planSample } from './lib/plan/sample.ts';
import type { PlanSample } from './lib/plan/sample.ts';
import { showAdvice, showLayers, showPlans } from './lib/plan/view.ts';
import { findingLine } from './lib/run-view.ts';
import { withPictures } from './lib/scoring.ts';
import type { Scoring } from './lib/scoring.ts';
import { duration, plural } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

interface PlanOptions {
  readonly set?: readonly string[];
  readonly images?: number;
  readonly price?: number;
  readonly steps: number;
  readonly probe: number;
  readonly only?: boolean;
}

type Bench = Pick<Scoring, 'decoder' | 'ml' | 'dir'>;

const HELP = `
Draws some pictures, measures how well pretrained codes tell their classes apart, runs a few steps of each way to train,
and says what is advised, which layers come from where, and what time, memory, space and money it takes. Nothing of it
is kept but the estimate, which graft runs show puts beside what the run came to.

Examples:
  graft plan examples/digits/graft.yaml
  graft plan pets.yaml --price 0.9
  graft plan ct.yaml --set model.backbone=resnet50-v1.5 --set model.strategy=scratch --images 1281167 --only --json`;

/** `graft plan FILE`: what to train, and what it takes. */
export function planCommand(): Command {
  const command = withCommonOptions(
    new Command('plan')
      .description('Advise a strategy, and estimate time, memory, storage and cost before anything runs.')
      .argument('<file>', 'the pipeline file (graft.yaml)')
      .option('--set <key=value>', 'override a key of the file (repeatable)', collect)
      .option('--images <count>', 'plan as if there were so many images to learn from', whole(1))
      .option('--price <money>', 'of an hour on this machine; train.budget.pricePerHour where left out', money)
      .option('--steps <count>', 'steps that are measured', whole(3), 8)
      .option('--probe <count>', 'pictures of the probe; 0 for none', whole(0), 500)
      .option('--only', 'the file’s own strategy alone')
      .addHelpText('after', HELP),
  );
  return command.action((file: string, options: PlanOptions) => plan(file, options, outputOf(command)));
}

async function plan(file: string, options: PlanOptions, output: Output): Promise<void> {
  const { config, warnings } = unwrap(await loadPipelineFile(file, { set: options.set ?? [] }));
  for (const warning of warnings) output.warn(findingLine(warning));
  await withPictures(async (bench) => {
    const sample = await planSample(bench, config, Math.max(options.probe, 2 * config.train.batchSize), output);
    await planFrom(bench, config, sample, options, output);
  });
}

async function planFrom(
  bench: Bench,
  config: PipelineConfig,
  sample: PlanSample,
  options: PlanOptions,
  output: Output,
): Promise<void> {
  const { strategy, weights, backbone } = config.model;
  const pretrained = strategy === 'scratch' ? null : await fetchWeights(backbone, weights, settings());
  const weightsPath = pretrained?.path ?? null;
  const size = sizeOf(config, sample, options.images);
  const advice = await adviceFor({ bench, config, sample, weightsPath, size, output }, options.probe);
  const others =
    options.only === true ? [] : (['linear-probe', 'head', 'last-n', 'gradual', 'full', 'scratch'] as const);
  const mine = isAuto(config) ? { ...advice, lastN: advice.lastN ?? config.model.lastN } : config.model;
  const all = planChoices(mine, advice, others).filter((choice) => choice.configured || fits(config, choice));
  const choices = options.only === true ? all.filter(({ configured }) => configured) : all;
  const price = options.price ?? config.train.budget?.pricePerHour ?? null;
  const bar = output.progress('measure');
  let done = 0;
  const plans = await planStrategies(config, sample, {
    ...{ choices, size, price },
    measure: async (own) => {
      bar.update(done++, null, own.model.strategy);
      return measureTraining(bench, own, sample, { steps: options.steps, weightsPath });
    },
  }).finally(() => {
    bar.stop();
  });
  const layers = layerGroups({
    ...config.model,
    ...mine,
    classes: sample.model.classes.length,
    pretrained: weightsPath !== null,
  });
  output.say(`${plural(size.train, 'image')} to train on, ${plural(size.validation, 'image')} to validate with`);
  showAdvice(advice, output);
  showLayers(layers, weights, output);
  showPlans(plans, output);
  const [own] = plans.filter(({ configured }) => configured);
  if (own) await tellOwn(config, own, sample, options, output);
  const dataSeconds = dataSecondsOf(sample);
  output.say(`reading and rendering the pictures takes about ${duration(dataSeconds)} more, once`);
  output.result({
    ...{ file: config.name, images: { total: sample.total, ...size }, classes: [...sample.model.classes] },
    advice: { ...advice, why: [...advice.why], cautions: advice.cautions.map((caution) => ({ ...caution })) },
    layers: layers.map((group) => ({ ...group })),
    plans: plans.map((each) => documentOf(each)),
    ...{ dataSeconds, pricePerHour: price },
  });
}

/** The file's own choice in a sentence; what a run of it will be compared with is kept, unless the size is made up. */
async function tellOwn(
  config: PipelineConfig,
  own: PlannedStrategy,
  { total }: PlanSample,
  { images }: PlanOptions,
  output: Output,
): Promise<void> {
  const { seconds } = own.estimate;
  const days = seconds.expected / 86_400;
  const time = days >= 1 ? `${days.toFixed(1)} days` : duration(seconds.expected);
  const how = config.model.strategy === 'scratch' ? 'from scratch' : `with strategy ${own.name}`;
  output.say(`${config.model.backbone} ${how} on ${plural(images ?? total, 'image')}: ${time} on this machine`);
  if (images === undefined) await keepPlan(config, runEstimate(own, new Date()));
}

const isAuto = ({ auto = [] }: PipelineConfig): boolean => auto.includes('model.strategy');

interface Asked {
  readonly bench: Bench;
  readonly config: PipelineConfig;
  readonly sample: PlanSample;
  readonly weightsPath: string | null;
  readonly size: { readonly train: number };
  readonly output: Output;
}

async function adviceFor({ bench, config, sample, weightsPath, size, output }: Asked, probed: number): Promise<Advice> {
  const measured = weightsPath !== null && probed > 0;
  const probe = measured ? await probeSample(bench, sample, { weightsPath, images: probed }, output) : null;
  return advise({
    ...{ images: size.train, classes: sample.model.classes.length, backbone: config.model.backbone, probe },
    pretrained: weightsPath !== null,
    gray: config.image.color === 'gray',
    augmenting: isAugmenting(config.augment) && config.augment.cachedVariants === null,
    batchSize: config.train.batchSize,
  });
}

function sizeOf({ dataset }: PipelineConfig, { total }: PlanSample, images: number | undefined) {
  const { test, validation } = dataset.split;
  const train = images ?? Math.round(total * (1 - test - validation));
  return { train, validation: images === undefined ? Math.round(total * validation) : Math.round(images * validation) };
}

/** Every picture is decoded to be checked and once more to be rendered. */
const dataSecondsOf = ({ total, renderSeconds }: PlanSample): number => 2 * total * renderSeconds;

function documentOf({ name, strategy, lastN, cut, configured, advised, work, estimate, cost }: PlannedStrategy) {
  const { seconds, parts, storage, saved } = estimate;
  return {
    ...{ name, strategy, lastN: strategy === 'last-n' ? lastN : null, cut, configured, advised },
    multiplyAdds: { forward: work.forward, frozen: work.frozen, trainingPicture: work.step },
    parameters: { total: work.parameters, trainable: work.trainable },
    ...{ seconds: { ...seconds }, parts: { ...parts }, steps: estimate.steps, memoryMb: estimate.memoryMb },
    ...{ storageBytes: { ...storage }, cost: cost && { ...cost }, saved: saved && { ...saved } },
  };
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number from ${least} on is needed.`);
  };
}

function money(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('an amount above 0 is needed.');
}
