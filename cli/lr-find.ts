import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Command, InvalidArgumentError } from 'commander';
import type { ModelDescription } from '../contracts/manifests.ts';
import type { LocalSide, RangeTestJob } from '../contracts/ml-protocol.ts';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';
import type { LrFind } from '../contracts/web.ts';
import { backboneFacts, inputImage } from '../core/backbone-facts.ts';
import { inputError } from '../core/errors.ts';
import { asSha256 } from '../core/ids.ts';
import { unwrap } from '../core/result.ts';
import { newRunId } from '../core/run-id.ts';
import { isLinear } from '../core/training/frozen-prefix.ts';
import { describeModel } from '../core/training/model-description.ts';
import { defaultRangeTest, suggestRates } from '../core/training/lr-finder.ts';
import type { CurvePoint, Suggestions } from '../core/training/lr-finder.ts';
import { settings } from '../infra/config.ts';
import type { DatasetSource } from '../infra/ports/dataset-source.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';
import { fetchWeights } from '../infra/native/weights-fetch.ts';
import { loadPipelineFile } from '../infra/pipeline-file/load.ts';
import { openDatasetSource, sourcesSetup } from '../infra/sources/open-source.ts';
import { renderBoxed, writeBoxedShard } from './lib/boxed-pictures.ts';
import { curveSvg, drawCurve } from './lib/lr-curve.ts';
import { findingLine } from './lib/run-view.ts';
import { drawEntries, samplePictures } from './lib/sample-set.ts';
import { normalizedBySample } from './lib/measured-sample.ts';
import { renderShards, runJob, withScoring } from './lib/scoring.ts';
import type { Scoring } from './lib/scoring.ts';
import { startServices, withStore } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

interface LrFindOptions {
  readonly set?: readonly string[];
  readonly iterations: number;
  readonly svg?: string;
}

/** No more pictures than these are drawn: a range test of a hundred steps sees no more. */
const MOST_PICTURES = 4096;
/** A detector’s sample is held in memory. */
const MOST_BYTES = 256 * 2 ** 20;

const HELP = `
Trains a throwaway copy of the model for a hundred steps at rates from 1e-7 to 10, and reads good rates off the curve
of its loss. Nothing is kept. Take valley first; minimum is the highest that is safe.

Examples:
  graft lr-find examples/digits/graft.yaml
  graft lr-find digits.yaml --set model.strategy=full --svg curve.svg
  graft lr-find digits.yaml --json`;

/** `graft lr-find FILE`: the learning-rate range test. */
export function lrFindCommand(): Command {
  const command = withCommonOptions(
    new Command('lr-find')
      .description('Find a learning rate: a range test on the pipeline’s own data and model.')
      .argument('<file>', 'the pipeline file (graft.yaml)')
      .option('--set <key=value>', 'override a key of the file (repeatable)', collect)
      .option('--iterations <count>', 'steps from the lowest rate to the highest', steps, defaultRangeTest.iterations)
      .option('--svg <path>', 'also draw the curve into this file')
      .addHelpText('after', HELP),
  );
  return command.action((file: string, options: LrFindOptions) => lrFind(file, options, outputOf(command)));
}

async function lrFind(file: string, options: LrFindOptions, output: Output): Promise<void> {
  const { config, warnings } = unwrap(await loadPipelineFile(file, { set: options.set ?? [] }));
  for (const warning of warnings) output.warn(findingLine(warning));
  const { strategy } = config.model;
  if (isLinear(strategy)) {
    const remedy = '--set model.strategy=head';
    throw inputError('CONFIG_VALUE', 'model.strategy', `${strategy}, which has no learning rate`, 'another', remedy);
  }
  await startServices(output);
  const { curve, suggestions } = await withStore(async (store) => {
    const measured = await withScoring(store, async (scoring) =>
      measure(await jobOf(store, scoring, config, options, output), scoring, output),
    );
    const found = suggestRates(measured, options.iterations);
    // For the dashboard: what a range test says holds for as long as its settings do.
    if (found !== null) await keepResult(store, config, measured, found);
    return { curve: measured, suggestions: found };
  });
  if (suggestions === null) {
    const seen = `the loss was a number at ${curve.length} rates only`;
    throw inputError('LR_FIND_SHORT', file, seen, 'a longer curve', 'check the pictures, or raise --iterations');
  }
  for (const line of drawCurve(curve, suggestions.valley)) output.say(line);
  output.table(
    ['suggestion', 'rate', 'what it is'],
    [
      ['valley', suggestions.valley.toExponential(2), 'in the middle of the longest descent: take this one'],
      ['slide', suggestions.slide.toExponential(2), 'where the long slide ends'],
      ['steep', suggestions.steep.toExponential(2), 'where the loss falls fastest'],
      [
        'minimum',
        suggestions.minimum.toExponential(2),
        'a tenth of the rate with the lowest loss: the highest that is safe',
      ],
    ],
  );
  output.say(`use it: --set train.optimizer.learningRate=${suggestions.valley.toPrecision(2)}`);
  if (options.svg !== undefined) await writeFile(options.svg, curveSvg(curve, suggestions));
  output.result({ suggestions: { ...suggestions }, curve: curve.map(({ rate, loss }) => ({ rate, loss })) });
}

async function keepResult(
  store: Pick<ObjectStore, 'put'>,
  config: PipelineConfig,
  curve: readonly CurvePoint[],
  { valley, slide, steep, minimum }: Suggestions,
): Promise<void> {
  const now = new Date();
  const result: LrFind = {
    ...{ kind: 'graft.lr-find/1', id: newRunId(config.name, now, randomInt(0x10000)), name: config.name },
    ...{ createdAt: now.toISOString(), backbone: config.model.backbone, strategy: config.model.strategy },
    suggestions: { valley, slide, steep, minimum },
    curve: curve.map(({ rate, loss }): [number, number] => [rate, loss]),
  };
  const body = new TextEncoder().encode(JSON.stringify(result));
  await store.put(`lr-finds/${result.id}.json`, body, { contentType: 'application/json' });
}

async function measure(job: RangeTestJob, { ml }: Scoring, output: Output): Promise<readonly CurvePoint[]> {
  const bar = output.progress('range test');
  try {
    const event = await runJob(ml, job, (said) => {
      if (said.kind === 'features') bar.update(said.done, said.total);
    });
    return event.kind === 'range-tested' ? event.curve : [];
  } finally {
    bar.stop();
  }
}

/** The pipeline's training on a sample of its data, rendered here. */
async function jobOf(
  store: ObjectStore,
  scoring: Scoring,
  config: PipelineConfig,
  { iterations }: LrFindOptions,
  output: Output,
): Promise<RangeTestJob> {
  const { backbone, strategy, lastN, weights } = config.model;
  const known = settings();
  const count = Math.min(MOST_PICTURES, iterations * config.train.batchSize);
  const sample = config.task === 'detection' ? boxedSample : labelledSample;
  const { model, side } = await sample(store, scoring, config, count, output);
  return {
    kind: 'range-test',
    test: { ...defaultRangeTest, iterations },
    train: {
      ...{ kind: 'train', workDir: scoring.dir, lastN, reads: { kind: 'pixels' } },
      model: await normalizedBySample(model, config, side),
      weightsPath: strategy === 'scratch' ? null : ((await fetchWeights(backbone, weights, known))?.path ?? null),
      ...{ train: side, validation: side, config: config.train, augment: config.augment },
      dataOrderSha256: asSha256('0'.repeat(64)),
      resume: null,
    },
  };
}

interface Sample {
  readonly model: ModelDescription;
  readonly side: LocalSide;
}

const modelOf = ({ model, image }: PipelineConfig, classes: readonly string[]): ModelDescription => ({
  ...describeModel(model, {
    ...{ classes: [...classes], image: inputImage(image, model.backbone) },
    normalization: backboneFacts[model.backbone].normalization,
  }),
  ...(model.detector ? { detector: model.detector } : {}),
});

async function labelledSample(
  store: ObjectStore,
  scoring: Scoring,
  config: PipelineConfig,
  count: number,
): Promise<Sample> {
  const { classes, pictures } = await samplePictures(store, config, settings(), { count, scratchDir: scoring.dir });
  const model = modelOf(config, classes);
  const side: LocalSide = { rows: 0, shards: [] };
  for await (const shard of renderShards(scoring, { model }, pictures, () => undefined)) {
    side.shards.push({ path: shard.path, rows: shard.pictures.length });
    side.rows += shard.pictures.length;
  }
  return { model, side };
}

async function boxedSample(
  store: ObjectStore,
  scoring: Scoring,
  config: PipelineConfig,
  count: number,
  output: Output,
): Promise<Sample> {
  const { source: where, format, window, hierarchy } = config.dataset;
  const open = openDatasetSource({ store, ...sourcesSetup(settings()) });
  const source = await open(where, format, { task: 'detection', window, hierarchy });
  const { heightPx, widthPx, channels } = inputImage(config.image, config.model.backbone);
  const most = Math.max(config.train.batchSize, Math.floor(MOST_BYTES / (heightPx * widthPx * channels)));
  const { kept, labels } = await drawEntries(source, config.train.seed, Math.min(count, most), ({ annotations }) =>
    (annotations?.boxes ?? []).map(({ label }) => label),
  );
  const drawn: DatasetSource = {
    ...{ format: source.format, task: source.task, where: source.where },
    list: () => Readable.from(kept),
    fetch: (entry, scratchDir, signal) => source.fetch(entry, scratchDir, signal),
  };
  const model = modelOf(config, [...labels].sort());
  const found = await renderBoxed(drawn, scoring, model.image, output);
  const path = join(scoring.dir, 'sample.safetensors');
  await writeBoxedShard(path, found, model.image, model.classes);
  const rows = found.pictures.length;
  return { model, side: { rows, shards: [{ path, rows }] } };
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Fewer than 20 leave no curve: the first tenth and the last five points are cut off. */
function steps(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 20 && value <= 100_000) return value;
  throw new InvalidArgumentError('a whole number from 20 to 100000 is needed.');
}
