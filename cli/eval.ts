import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { asFloat32, asInt32 } from '../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../core/checkpoint/safetensors.ts';
import { inputError, transientError } from '../core/errors.ts';
import { inferenceBatch } from '../core/inference-batch.ts';
import { scoreLogits } from '../core/metrics/classification.ts';
import { unwrap } from '../core/result.ts';
import type { ClassificationMetrics } from '../contracts/manifests.ts';
import type { ModelVersion } from '../contracts/registry.ts';
import { settings } from '../infra/config.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';
import { openDatasetSource, sourcesSetup } from '../infra/sources/open-source.ts';
import { evalDetections } from './lib/eval-detections.ts';
import type { DetectionFiles } from './lib/eval-detections.ts';
import { showDetectionMetrics } from './lib/detection-view.ts';
import { evaluateDetector } from './lib/eval-detector.ts';
import { showMetrics } from './lib/metrics-view.ts';
import { resolveModel } from '../infra/clients/registry.ts';
import { renderShards, runJob, withScoring } from './lib/scoring.ts';
import type { BadPicture, Picture, Scoring, Shard } from './lib/scoring.ts';
import { withStore } from './lib/services.ts';
import { count, moment, plural } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';
import { refuseBad } from './predict.ts';

const HELP = `
MODEL is a name (its champion), NAME@VERSION or NAME@ALIAS. Without PATH it shows what was recorded when the version was
made, on the test side of its own data.

Examples:
  graft eval digits
  graft eval digits@3 ./more-digits
  graft eval digits ./more-digits --json
  graft eval --detections detections.json --ground-truth annotations.json
  graft eval --detections old.json --against new.json --ground-truth annotations.json
  graft eval --detections detections.json --ground-truth oid.json --hierarchy bbox_labels_600_hierarchy.json

The last three score detectors' boxes, of graft or of any other tool, in COCO's form: COCO's twelve figures, Pascal VOC's,
and which kind of error costs how much.`;

/** `graft eval MODEL [PATH]`. */
export function evalCommand(): Command {
  const command = withCommonOptions(
    new Command('eval')
      .description('Show how good a model version is: as recorded, or on other labelled pictures.')
      .argument('[model]', 'NAME, NAME@VERSION or NAME@ALIAS')
      .argument(
        '[path]',
        'a folder with one folder a class, a CSV file (path,label), s3://bucket/prefix; boxes for a detector',
      )
      .option('--skip-bad', 'go on without files that are no pictures')
      .option('--detections <file>', 'COCO results of a detector, instead of MODEL')
      .option('--ground-truth <file>', 'the COCO annotations that they are measured against')
      .option('--against <file>', 'COCO results of another detector: is it better, or is that chance?')
      .option('--open-images', 'Open Images’ figures too: crowds are groups, neg_category_ids what is not there')
      .option('--hierarchy <file>', 'Open Images’ tree of classes; takes --open-images for granted')
      .addHelpText('after', HELP),
  );
  return command.action((model: string | undefined, path: string | undefined, options: Options) => {
    const output = outputOf(command);
    const files = detectionFiles(model, options);
    if (files) return evalDetections(files, output);
    if (model === undefined) throw usage('neither a model nor files', 'MODEL, or --detections with --ground-truth');
    return withStore((store) => evaluate(store, model, path, options.skipBad === true, output));
  });
}

interface Options {
  readonly skipBad?: boolean;
  readonly detections?: string;
  readonly groundTruth?: string;
  readonly against?: string;
  readonly openImages?: boolean;
  readonly hierarchy?: string;
}

/** The two files, where files are to be scored; null where a model is. */
function detectionFiles(
  model: string | undefined,
  { detections, groundTruth, against, openImages, hierarchy }: Options,
): DetectionFiles | null {
  if ([detections, groundTruth, against, openImages, hierarchy].every((each) => each === undefined)) return null;
  if (model !== undefined) throw usage('a model and files', 'one of them');
  if (detections === undefined) throw usage('no --detections', '--detections FILE');
  if (groundTruth === undefined) throw usage('no --ground-truth', '--ground-truth FILE');
  const open = openImages === true || hierarchy !== undefined;
  return { detections, groundTruth, against, openImages: open ? { hierarchy: hierarchy ?? null } : undefined };
}

const usage = (seen: string, expected: string): Error =>
  inputError('USAGE', 'graft eval', seen, expected, 'see graft eval --help');

async function evaluate(
  store: ObjectStore,
  reference: string,
  path: string | undefined,
  skipBad: boolean,
  output: Output,
): Promise<void> {
  const version = await resolveModel(store, reference);
  const model = { name: version.name, version: version.version };
  if (path === undefined) {
    const { dataset } = version.lineage;
    output.say(
      `${version.name} version ${version.version}, of ${moment(new Date(version.createdAt))}, run ${version.runId}`,
    );
    output.say(`on ${plural(version.metrics.images, 'test image')} of ${dataset.name} ${dataset.version.slice(0, 12)}`);
    if (version.detection) showDetectionMetrics(version.detection, output);
    else showMetrics(version.metrics, output);
    const detection = version.detection ? { detection: version.detection } : {};
    output.result({ model, path: null, skipped: 0, metrics: version.metrics, ...detection });
    return;
  }
  if (version.model.detector) {
    const { metrics, skipped } = await withScoring(store, (scoring) =>
      evaluateDetector(store, scoring, version, path, { skipBad, output }),
    );
    output.say(`${version.name} version ${version.version} on ${plural(metrics.images, 'image')} of ${path}`);
    showDetectionMetrics(metrics, output);
    output.result({ model, path, skipped, detection: metrics });
    return;
  }
  const { metrics, skipped } = await withScoring(store, (scoring) =>
    evaluateOn(store, scoring, version, path, skipBad, output),
  );
  output.say(`${version.name} version ${version.version} on ${plural(metrics.images, 'image')} of ${path}`);
  showMetrics(metrics, output);
  output.result({ model, path, skipped, metrics });
}

async function evaluateOn(
  store: ObjectStore,
  scoring: Scoring,
  version: ModelVersion,
  path: string,
  skipBad: boolean,
  output: Output,
): Promise<{ metrics: ClassificationMetrics; skipped: number }> {
  const pictures = await labelledPictures(store, scoring, version, path, output);
  const bar = output.progress('evaluate');
  const bad: BadPicture[] = [];
  const shards: Shard[] = [];
  let rendered = 0;
  for await (const shard of renderShards(scoring, version, pictures, (found) => bad.push(found))) {
    shards.push(shard);
    rendered += shard.pictures.length;
    bar.update(rendered, pictures.length, 'reading');
  }
  refuseBad(bad, pictures.length, skipBad, output);
  const outputPath = join(scoring.dir, 'logits.safetensors');
  const job = {
    kind: 'evaluate' as const,
    model: version.model,
    weightsPath: await scoring.weights(version),
    side: { rows: rendered, shards: shards.map((shard) => ({ path: shard.path, rows: shard.pictures.length })) },
    batchSize: inferenceBatch(version.model),
    outputPath,
  };
  await runJob(scoring.ml, job, (event) => {
    if (event.kind === 'features') bar.update(event.done, event.total, 'scoring');
  });
  bar.stop();
  const { tensors } = unwrap(decodeSafetensors(await readFile(outputPath), outputPath));
  const logits = tensors.get('logits');
  const labels = tensors.get('labels');
  if (!logits || !labels) throw transientError('EVALUATE_OUTPUT', outputPath, 'no logits or labels', 'both');
  return { metrics: scoreLogits(asFloat32(logits), asInt32(labels), version.model.classes), skipped: bad.length };
}

/** The pictures of a labelled source; its classes must be among the model's. */
async function labelledPictures(
  store: ObjectStore,
  { dir }: Scoring,
  { model: { classes }, name }: ModelVersion,
  path: string,
  output: Output,
): Promise<Picture[]> {
  const source = await openDatasetSource({ store, ...sourcesSetup(settings()) })(path, 'auto', {
    task: 'classification',
  });
  const indexes = new Map(classes.map((label, index) => [label, index]));
  const foreign = new Set<string>();
  const pictures: Picture[] = [];
  const bar = output.progress('list');
  for await (const entry of source.list()) {
    const label = indexes.get(entry.label);
    if (label === undefined) foreign.add(entry.label);
    else pictures.push({ name: entry.path, path: await source.fetch(entry, dir), label });
    if (pictures.length % 1000 === 0) bar.update(pictures.length, null);
  }
  bar.stop();
  if (foreign.size > 0) {
    const seen = `classes that ${name} does not know: ${[...foreign].slice(0, 10).join(', ')}`;
    const expected = `some of its ${count(classes.length)} classes: ${classes.slice(0, 20).join(', ')}`;
    throw inputError('EVAL_CLASSES', path, seen, expected, 'rename or remove these folders');
  }
  if (pictures.length > 0) return pictures;
  throw inputError('INPUT_EMPTY', path, 'no labelled pictures', 'one folder a class', 'name another folder');
}
