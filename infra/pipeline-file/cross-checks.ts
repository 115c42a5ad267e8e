import { backboneFacts } from '../../core/backbone-facts.ts';
import type { GraftError } from '../../core/errors.ts';
import { messageOf } from '../../core/errors.ts';
import { MEASURED } from '../../core/training/measured-normalization.ts';
import { CHAMPION } from '../../core/training/warm-start.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { AutoKey } from '../../contracts/auto-config.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { augmentChecks } from './augment-checks.ts';
import { detectorChecks } from './detector-checks.ts';
import { problem, shown } from './problems.ts';
import { strategyChecks } from './strategy-checks.ts';
import type { Path } from './yaml-source.ts';

export interface CrossChecks {
  readonly problems: GraftError[];
  readonly warnings: Finding[];
}

interface Context {
  readonly config: PipelineConfig;
  place(path: Path): string;
}

type Check = (context: Context, out: CrossChecks) => void;

/** What no single key can say: combinations that can't work are refused before anything is computed. */
export function crossChecks(context: Context): CrossChecks {
  const out: CrossChecks = { problems: [], warnings: [] };
  for (const check of [normalization, imageSize, weights, lastBlocks, split, grouping, earlyStop, schedule, autos])
    check(context, out);
  const detector = detectorChecks(context);
  const [augment, strategy] = [augmentChecks(context), strategyChecks(context)];
  return {
    problems: [...out.problems, ...augment.problems, ...strategy.problems, ...detector.problems],
    warnings: [...out.warnings, ...augment.warnings, ...strategy.warnings, ...detector.warnings],
  };
}

/** What the published weights expect, in a formula. */
const formulas = {
  'minus127-over128': '(x − 127) / 128',
  'imagenet-mean-std': '(x / 255 − mean) / std of ImageNet, for each channel',
  'minus1-to-1': 'x / 127.5 − 1',
  'bgr-minus-mean': 'channels B, G, R, less 103.939, 116.779, 123.68',
} as const;

const normalization: Check = ({ config, place }, { problems, warnings }) => {
  const { backbone } = config.model;
  const wanted = backboneFacts[backbone].normalization;
  const given = config.image.normalization;
  if (given === 'auto' || given === wanted) return;
  const { strategy, weights } = config.model;
  const pretrained = strategy !== 'scratch' && weights !== 'random';
  if (given === MEASURED && (!pretrained || strategy === 'full' || strategy === 'gradual')) {
    const message = `the weights were trained with ${wanted}; their first layers have to learn measured pixels`;
    if (pretrained) warnings.push({ level: 'warning', code: 'NORMALIZATION_MEASURED', message });
    return;
  }
  problems.push(
    problem('NORMALIZATION_MISMATCH', {
      where: place(['image', 'normalization']),
      seen: shown(given),
      expected: `${backbone} was trained with ${wanted}: ${formulas[wanted]}`,
      remedy:
        given === MEASURED
          ? 'write auto: frozen layers can’t learn another input (measured is for strategy full, gradual or scratch)'
          : `write auto or ${wanted}, or choose another backbone`,
    }),
  );
};

const imageSize: Check = ({ config, place }, { problems }) => {
  const { minSizePx } = backboneFacts[config.model.backbone];
  const { size, keepAspect } = config.image;
  if (keepAspect.minPx > keepAspect.maxPx) {
    const seen = `minPx ${keepAspect.minPx}, maxPx ${keepAspect.maxPx}`;
    const where = place(['image', 'keepAspect']);
    problems.push(problem('CONFIG_VALUE', { where, seen, expected: 'minPx at most maxPx', remedy: 'swap them' }));
  }
  if (size === undefined || Math.min(...size) >= minSizePx) return;
  const expected = `at least ${minSizePx} pixels on each side for ${config.model.backbone}`;
  const remedy = 'raise it, or choose a smaller backbone';
  problems.push(problem('CONFIG_VALUE', { where: place(['image', 'size']), seen: shown(size), expected, remedy }));
};

const weights: Check = ({ config, place }, { problems, warnings }) => {
  const { backbone, strategy, weights: given } = config.model;
  const where = place(['model', 'weights']);
  if (given === 'imagenet' && !backboneFacts[backbone].hasImagenet) {
    const expected = `random or a file: graft can fetch no ImageNet weights of ${backbone}`;
    const withThem = Object.entries(backboneFacts).flatMap(([name, facts]) => (facts.hasImagenet ? [name] : []));
    const remedy = `leave weights out, or choose ${withThem.join(' or ')}`;
    problems.push(problem('CONFIG_VALUE', { where, seen: given, expected, remedy }));
  } else if (strategy === 'scratch' && given !== 'random') {
    const expected = 'strategy scratch starts from random weights';
    const remedy = 'leave weights out, or write strategy: full to start from them';
    problems.push(problem('CONFIG_VALUE', { where, seen: shown(given), expected, remedy }));
  } else if (given === CHAMPION && config.task === 'detection') {
    const expected = 'imagenet, random or a file: a detector can’t begin with the champion yet';
    problems.push(problem('CONFIG_VALUE', { where, seen: given, expected, remedy: 'leave weights out' }));
  }
  if (given === 'random' && strategy !== 'full' && strategy !== 'scratch' && !isAuto(config, 'model.strategy')) {
    const message = `the frozen part of ${backbone} keeps random weights and learns nothing: strategy: scratch trains all of it`;
    warnings.push({ level: 'warning', code: 'WEIGHTS_RANDOM', message });
  }
};

const isAuto = ({ auto = [] }: PipelineConfig, key: AutoKey): boolean => auto.includes(key);

const autos: Check = ({ config, place }, { problems }) => {
  const [first] = config.auto ?? [];
  if (first !== undefined && config.model.weights === CHAMPION) {
    const expected = 'values for what is measured on the weights, or weights that are there before the run';
    const remedy = `write a value for ${first}, or leave weights out`;
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(first.split('.')),
        seen: 'auto with weights: champion',
        expected,
        remedy,
      }),
    );
  }
  if (first === undefined || config.task === 'classification') return;
  const expected = 'a value: only classification is measured';
  const where = place(first.split('.'));
  problems.push(
    problem('CONFIG_VALUE', { where, seen: `auto with task ${config.task}`, expected, remedy: 'write one' }),
  );
};

const lastBlocks: Check = ({ config, place }, { problems }) => {
  const { backbone, strategy, lastN } = config.model;
  const { blocks } = backboneFacts[backbone];
  if (strategy !== 'last-n' || lastN <= blocks) return;
  problems.push(
    problem('CONFIG_VALUE', {
      where: place(['model', 'lastN']),
      seen: String(lastN),
      expected: `at most ${blocks}, the blocks of ${backbone}`,
      remedy: 'lower it, or write strategy: full',
    }),
  );
};

const split: Check = ({ config, place }, { problems }) => {
  const { test, validation } = config.dataset.split;
  if (test + validation < 1) return;
  problems.push(
    problem('CONFIG_VALUE', {
      where: place(['dataset', 'split']),
      seen: `test ${test} and validation ${validation} leave nothing to train on`,
      expected: 'a sum below 1',
      remedy: 'lower them; 0.2 and 0.1 are usual',
    }),
  );
};

const grouping: Check = ({ config, place }, { problems }) => {
  const { groupBy } = config.dataset.split;
  if (groupBy === null) return;
  const where = place(['dataset', 'split', 'groupBy']);
  const expected = 'a regular expression with a group, such as (patient\\d+)';
  const remedy = 'correct it';
  try {
    // With an empty alternative the match always succeeds and shows how many groups there are.
    const groups = (new RegExp(`${groupBy}|`, 'u').exec('')?.length ?? 1) - 1;
    if (groups > 0) return;
    problems.push(problem('CONFIG_VALUE', { where, seen: `${shown(groupBy)} has no group`, expected, remedy }));
  } catch (error) {
    problems.push(problem('CONFIG_VALUE', { where, seen: messageOf(error), expected, remedy }));
  }
};

const earlyStop: Check = ({ config }, { warnings }) => {
  const { epochs, earlyStop: stop } = config.train;
  if (stop === null || stop.patience < epochs) return;
  const message = `train.earlyStop.patience ${stop.patience} is not reached within ${epochs} epochs: it never stops the run`;
  warnings.push({ level: 'warning', code: 'EARLY_STOP_IDLE', message });
};

const schedule: Check = ({ config, place }, { problems }) => {
  const { schedule: given } = config.train;
  if (given.kind !== 'step' || given.everySteps !== null || given.atSteps.length > 0) return;
  const expected = 'everySteps or atSteps: without them no step is a decay';
  const where = place(['train', 'schedule']);
  problems.push(problem('CONFIG_VALUE', { where, seen: 'neither', expected, remedy: 'write everySteps: 1000' }));
};
