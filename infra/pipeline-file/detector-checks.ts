import { augmentParts } from '../../core/augment/settings.ts';
import { presetNamed } from '../../core/detection/presets.ts';
import type { GraftError } from '../../core/errors.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { problem, shown } from './problems.ts';
import type { Path } from './yaml-source.ts';

interface Context {
  readonly config: PipelineConfig;
  place(path: Path): string;
}

/** What a detection pipeline can't do, and what it should not; and what belongs to one alone. */
export function detectorChecks(context: Context): { problems: GraftError[]; warnings: Finding[] } {
  const { config } = context;
  if (config.task === 'classification') return { problems: classificationOnly(context), warnings: [] };
  return { problems: [...unsuited(context)], warnings: [...rateForBatch(config), ...averageForSteps(config)] };
}

/** mAP, boxes and their crops have no meaning where pictures have classes. */
function classificationOnly({ config, place }: Context): GraftError[] {
  const { model, augment, train, promote } = config;
  const remedy = 'write task: detection, or take it out';
  const wrong = (path: Path, seen: string, expected: string): GraftError =>
    problem('CONFIG_VALUE', { where: place(path), seen, expected, remedy });
  const found: GraftError[] = [];
  if (model.detector) found.push(wrong(['model', 'detector'], model.detector.preset, 'null with task: classification'));
  if (augment.boxCrop) found.push(wrong(['augment', 'boxCrop'], 'set', 'no boxes with task: classification'));
  if (train.bestMetric === 'validation.mAP') {
    found.push(wrong(['train', 'bestMetric'], train.bestMetric, 'validation.loss or validation.accuracy'));
  }
  if (train.earlyStop?.metric === 'validation.mAP') {
    found.push(wrong(['train', 'earlyStop', 'metric'], 'validation.mAP', 'validation.loss or validation.accuracy'));
  }
  const { minimum, noWorseThanChampion, betterThanChampion } = promote.gate;
  const rules = [
    ['minimum', Object.keys(minimum)],
    ['noWorseThanChampion', Object.keys(noWorseThanChampion)],
    ['betterThanChampion', betterThanChampion ? [betterThanChampion.metric] : []],
  ] as const;
  for (const [rule, metrics] of rules) {
    const map = metrics.find((metric) => metric.startsWith('mAP'));
    if (map !== undefined) found.push(wrong(['promote', 'gate', rule], map, 'a classifier’s metric'));
  }
  return found;
}

function unsuited({ config, place }: Context): GraftError[] {
  const { model, augment, train } = config;
  const found: GraftError[] = [];
  const refuse = (path: Path, seen: string, expected: string, remedy: string): void => {
    found.push(problem('CONFIG_VALUE', { where: place(path), seen, expected, remedy }));
  };
  if (!model.detector) refuse(['model', 'detector'], 'null', 'a detector', 'write detector: { kind: ssd }');
  const learns = ['full', 'scratch', 'last-n', 'head'];
  if (!learns.includes(model.strategy)) {
    refuse(['model', 'strategy'], model.strategy, `one of ${learns.join(', ')}`, 'write strategy: full');
  }
  // With another strategy the cut is refused for that.
  if (model.cut !== null && model.strategy === 'head') {
    refuse(['model', 'cut'], model.cut, 'none: the detector says where it taps the backbone', 'take it out');
  }
  if (model.head.length > 0) {
    refuse(
      ['model', 'head'],
      `${model.head.length} of them`,
      'none: a detector has layers of its own',
      'take them out',
    );
  }
  if (model.firstKernels !== 'sum') {
    refuse(['model', 'firstKernels'], model.firstKernels, 'sum for a detector', 'take it out');
  }
  const { mixup, cutmix } = augmentParts(augment);
  if (mixup || cutmix) {
    const what = mixup ? 'mixup' : 'cutmix';
    refuse(['augment', what], 'set', 'none: boxes can’t be blended', 'take it out');
  }
  if (augment.cachedVariants !== null) {
    const seen = String(augment.cachedVariants);
    refuse(['augment', 'cachedVariants'], seen, 'null: a detector reads pixels', 'take it out');
  }
  if (train.labelSmoothing > 0) {
    refuse(['train', 'labelSmoothing'], shown(train.labelSmoothing), '0 for a detector', 'take it out');
  }
  return found;
}

/** How far a rate may lie above the published one, scaled to the batch (Goyal et al. 1706.02677: in proportion). */
const TOO_HIGH = 2;

/** A learning rate that the published one, for its batch, says is too high. */
function rateForBatch({ model, train }: PipelineConfig): Finding[] {
  const preset = presetNamed(model.detector?.preset);
  const published = preset?.train['optimizer'];
  if (typeof published !== 'object' || published === null || Array.isArray(published) || !preset) return [];
  const { kind, learningRate } = published as { kind?: unknown; learningRate?: unknown };
  const batch = preset.train['batchSize'];
  if (kind !== train.optimizer.kind || typeof learningRate !== 'number' || typeof batch !== 'number') return [];
  const usual = (learningRate * train.batchSize) / batch;
  if (train.optimizer.learningRate <= TOO_HIGH * usual) return [];
  const message = `${String(kind)} at ${train.optimizer.learningRate} with ${train.batchSize} pictures a step: ${model.detector?.preset ?? ''} was published with ${learningRate} for ${batch}, which is ${Number(usual.toPrecision(2))} for this batch; a loss that jumps or is no number comes of it`;
  return [{ level: 'warning', code: 'RATE_FOR_BATCH', message }];
}

/** A moving average that reaches back further than the training is long. */
function averageForSteps({ train }: PipelineConfig): Finding[] {
  const { averageDecay, epochs } = train;
  if (averageDecay === null || averageDecay < 0.999 || epochs > 50) return [];
  const steps = Math.round(1 / (1 - averageDecay));
  const message = `train.averageDecay ${averageDecay} averages over about ${steps.toLocaleString('en')} steps: of ${epochs} epochs over few pictures much of it is from the beginning; 0.99 or null suits short trainings`;
  return [{ level: 'info', code: 'AVERAGE_LONG', message }];
}
