import { Command, InvalidArgumentError } from 'commander';
import { GraftError, inputError } from '../core/errors.ts';
import { unwrap } from '../core/result.ts';
import type { MlEvent } from '../contracts/ml-protocol.ts';
import type { ModelVersion } from '../contracts/registry.ts';
import { objectsOf, shownObjects } from '../core/detection/found-objects.ts';
import type { FoundObject } from '../core/detection/found-objects.ts';
import { likeliest } from '../core/metrics/classification.ts';
import { drawObjects } from './lib/predicted-boxes.ts';
import { expandPaths } from './lib/pictures.ts';
import { resolveModel } from '../infra/clients/registry.ts';
import { predictJob, renderShards, runJob, withScoring } from './lib/scoring.ts';
import type { BadPicture, Picture, Scoring, Shard } from './lib/scoring.ts';
import { withStore } from './lib/services.ts';
import { figure, plural } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';
import { positive } from './lib/positive.ts';

interface PredictOptions {
  readonly top: number | undefined;
  readonly minScore: number;
  readonly out?: string;
  readonly skipBad?: boolean;
}

/** Classes of a picture that are shown where no number is named. */
const TOP_CLASSES = 5;

/** One picture's answer: the likeliest classes first. */
interface Prediction {
  readonly path: string;
  readonly predictions: readonly {
    readonly label: string;
    readonly score: number;
    readonly box?: FoundObject['box'];
  }[];
}

const HELP = `
MODEL is a name (its champion), NAME@VERSION or NAME@ALIAS.

Examples:
  graft predict digits photo.png
  graft predict digits@3 ./photos --top 1
  graft predict digits a.png b.png --json
  graft predict street photo.jpg --out ./drawn --min-score 0.3

A detector says which objects there are and where: with --json each has a box, its left, top, width and height in pixels
of the picture; --out draws them.`;

/** `graft predict MODEL PATH…`. */
export function predictCommand(): Command {
  const command = withCommonOptions(
    new Command('predict')
      .description('Say what is in pictures, with a registered model.')
      .argument('<model>', 'NAME, NAME@VERSION or NAME@ALIAS')
      .argument('<paths...>', 'image files and folders of them')
      .option('--top <count>', 'so many classes, or objects, for each picture', positive)
      .option('--min-score <score>', 'detectors: leave out what is less sure', share, shownObjects.minScore)
      .option('--out <folder>', 'detectors: draw the boxes on copies of the pictures')
      .option('--skip-bad', 'go on without files that are no pictures')
      .addHelpText('after', HELP),
  );
  return command.action((model: string, paths: string[], options: PredictOptions) =>
    predict(model, paths, options, outputOf(command)),
  );
}

async function predict(reference: string, paths: string[], options: PredictOptions, output: Output): Promise<void> {
  const files = await expandPaths(paths);
  const answers = await withStore(async (store) => {
    const version = await resolveModel(store, reference);
    return withScoring(store, (scoring) => score(scoring, version, files, options, output));
  });
  const likeliest = answers.map(({ path, predictions }) => [
    path,
    predictions.map(({ label, score, box }) => `${label} ${figure(score)}${box ? ` ${placeOf(box)}` : ''}`).join('   '),
  ]);
  output.table(['picture', 'classes'], likeliest);
  output.result(
    answers.map(({ path, predictions }) => ({
      path,
      predictions: predictions.map(({ label, score, box }) => ({ label, score, ...(box ? { box: [...box] } : {}) })),
    })),
  );
}

async function score(
  scoring: Scoring,
  version: ModelVersion,
  files: readonly string[],
  options: PredictOptions,
  output: Output,
): Promise<Prediction[]> {
  const { top, skipBad } = options;
  if (options.out !== undefined && !version.model.detector) {
    const seen = `--out with ${version.name}, which finds no boxes`;
    throw inputError('USAGE', 'graft predict', seen, 'a detector', 'leave --out away');
  }
  const pictures = files.map((path): Picture => ({ name: path, path, label: null }));
  const bad: BadPicture[] = [];
  const shards: Shard[] = [];
  for await (const shard of renderShards(scoring, version, pictures, (found) => bad.push(found))) shards.push(shard);
  refuseBad(bad, pictures.length, skipBad === true, output);
  const weightsPath = await scoring.weights(version);
  const bar = output.progress('predict');
  const answers: Prediction[] = [];
  for (const shard of shards) {
    if (shards.length > 1) bar.update(answers.length, files.length);
    const event = await runJob(scoring.ml, predictJob(version.model, weightsPath, shard.path));
    if (event.kind === 'predicted' && event.detections) {
      answers.push(...(await objectsIn(scoring, version, shard, event.detections, options)));
      continue;
    }
    const rows = event.kind === 'predicted' ? event.probabilities : [];
    answers.push(
      ...shard.pictures.map(({ name: path }, row) => {
        return { path, predictions: likeliest(rows[row] ?? [], version.model.classes, top ?? TOP_CLASSES) };
      }),
    );
  }
  bar.stop();
  return answers;
}

const placeOf = ([left, top, width, height]: FoundObject['box']): string =>
  `at ${Math.round(left)},${Math.round(top)} ${Math.round(width)}×${Math.round(height)}`;

/** A detector's answers on the pictures of a shard, drawn where that is wanted. */
async function objectsIn(
  { decoder }: Scoring,
  { model }: ModelVersion,
  { pictures }: Shard,
  detections: NonNullable<Extract<MlEvent, { kind: 'predicted' }>['detections']>,
  { top = shownObjects.top, minScore, out }: PredictOptions,
): Promise<Prediction[]> {
  const sizes = await decoder.inspect(pictures.map(({ path }) => path));
  const answers: Prediction[] = [];
  for (const [row, { name, path }] of pictures.entries()) {
    const size = sizes[row];
    if (!size) throw new Error(`no size of ${name}`);
    const predictions = objectsOf(detections[row] ?? [], model, unwrap(size), { top, minScore });
    if (out !== undefined) await drawObjects(path, predictions, out);
    answers.push({ path: name, predictions });
  }
  return answers;
}

/** Every bad picture is named; they end the command unless others are left and that was allowed. */
export function refuseBad(bad: readonly BadPicture[], total: number, skip: boolean, output: Output): void {
  if (bad.length === 0) return;
  for (const { error } of bad) output.warn(error.message);
  if (skip && bad.length < total) return;
  const seen = `${plural(bad.length, 'file')} of ${total} ${bad.length === 1 ? 'is' : 'are'} not usable`;
  const remedy = bad.length < total ? 'mend or remove them, or go on without them: --skip-bad' : 'mend or replace them';
  const [first] = bad;
  if (bad.length === 1 && total === 1 && first)
    throw new GraftError('INPUT_BAD', { kind: 'input', where: first.picture.name, seen, remedy });
  throw inputError('INPUT_BAD', 'pictures', seen, 'pictures', remedy);
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('a number from 0 to 1 is needed.');
}
