import { PrepareOutput, SplitOutput } from '../../contracts/manifests.ts';
import type { DatasetManifest, EvaluateOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { ShadowInput, WatchReport } from '../../contracts/watch.ts';
import { someOf } from '../../core/dataset/names.ts';
import { compareText } from '../../core/dataset/order.ts';
import { unitOf } from '../../core/dataset/split-units.ts';
import { failedError, inputError } from '../../core/errors.ts';
import { sameClasses } from '../../core/promotion/same-classes.ts';
import { winsAndLosses } from '../../core/promotion/paired.ts';
import { judgeWatch } from '../../core/promotion/watch.ts';
import { evaluateOnTest } from '../evaluate/evaluate.ts';
import { pairedAnswers } from '../gate/answers.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { encodeLines, putPart } from '../lib/json-lines.ts';
import { writeJson } from '../lib/json-object.ts';
import { readAliases, readRetired, readVersion } from '../lib/registry.ts';
import { cachedStage, requireStage } from '../lib/stage.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import type { TrainPorts } from '../ports.ts';
import { standingBefore } from './change-alias.ts';

const CODE_VERSION = 1;

/** Asks the model in use, and the one that a rollback would bring back, about new labelled pictures. Needs TensorFlow. */
export function createShadowActivities(ports: TrainPorts) {
  return { shadowEvaluate: atActivityEdge((input: ShadowInput) => shadow(ports, input)) };
}

async function shadow(ports: TrainPorts, input: ShadowInput): Promise<WatchReport> {
  const { model, alias, rules, watchId, datasetManifestKey, drift } = input;
  const activity = currentActivity();
  const dataset = await requireDataset(ports.store, datasetManifestKey, activity.signal);
  const { champion, before } = await contestants(ports, input);
  fitting(champion, dataset);
  const seen = await scored(ports, champion, dataset, datasetManifestKey);
  const theirs = before && (await scored(ports, before, dataset, datasetManifestKey));
  const paired = theirs && (await pairedAnswers(ports, champion.model.classes.length, seen, theirs, activity));
  const counts = paired && winsAndLosses(paired);
  const { images } = seen.metrics;
  const verdict = judgeWatch(
    {
      ...{ version: champion.version, seen: { accuracy: seen.metrics.accuracy, images } },
      recorded: { accuracy: champion.metrics.accuracy, images: champion.metrics.images },
      before: before && counts && { version: before.version, ...counts },
      drift: drift.map(({ message }) => message),
    },
    rules,
  );
  const { pValue, ...judged } = verdict;
  const report: WatchReport = {
    ...{ kind: 'graft.watch/1', watchId, at: new Date(ports.clock.nowMs()).toISOString(), model, alias },
    ...{ version: champion.version, datasetManifestKey, images, drift, ...judged },
    accuracy: {
      ...{ seen: seen.metrics.accuracy, recorded: champion.metrics.accuracy },
      recordedImages: champion.metrics.images,
    },
    before:
      before && theirs && counts && pValue !== null
        ? { version: before.version, accuracy: theirs.metrics.accuracy, ...counts, pValue }
        : null,
  };
  await writeJson(ports.store, `models/${model}/watch/${watchId}.json`, report);
  return report;
}

/** The version in use, and the one before it where it can be compared with. */
async function contestants({ store }: TrainPorts, { model, alias }: ShadowInput) {
  const { value } = await readAliases(store, model);
  const version = value.aliases[alias];
  const champion = version === undefined ? null : await readVersion(store, model, version);
  if (!champion) {
    const remedy = `graft models show ${model}`;
    throw inputError('WATCH_NOTHING', `${alias} of ${model}`, 'no version is in use', 'a promoted one', remedy);
  }
  if (champion.model.detector) {
    const seen = 'it finds objects';
    const remedy = 'graft eval --detections scores detectors';
    throw inputError('WATCH_DETECTOR', `${model} version ${champion.version}`, seen, 'a classifier', remedy);
  }
  const number = await standingBefore(store, model, alias, value.ledgerSeq);
  const found = number === null ? null : await readVersion(store, model, number);
  const comparable = found !== null && sameClasses(found.model.classes, champion.model.classes);
  const usable = comparable && !(await readRetired(store, model, found.version));
  return { champion, before: usable ? found : null };
}

function fitting({ name, version, model }: ModelVersion, { classes, images }: DatasetManifest): void {
  const unknown = classes.filter((label) => !model.classes.includes(label));
  const where = `${name} version ${version}`;
  if (unknown.length > 0) {
    const expected = `some of ${someOf(model.classes)}`;
    throw inputError(
      'WATCH_CLASSES',
      where,
      `it does not know ${someOf(unknown)}`,
      expected,
      'leave these folders out',
    );
  }
  if (images === 0) throw inputError('WATCH_EMPTY', where, 'no usable images', 'labelled images', 'graft data check');
}

/** What a version makes of all pictures: each is a test image, none was trained with. */
async function scored(
  ports: TrainPorts,
  { model, weights }: ModelVersion,
  dataset: DatasetManifest,
  datasetManifestKey: string,
): Promise<EvaluateOutput> {
  const splitManifestKey = await allForTest(ports, model.classes, dataset, datasetManifestKey);
  const { prepareImages } = createPrepareActivities(ports);
  const wanted = { datasetManifestKey, splitManifestKey, image: model.image, sides: ['test' as const] };
  const { manifestKey } = await prepareImages(wanted);
  const prepared = await requireStage(ports.store, manifestKey, PrepareOutput);
  return (await evaluateOnTest(ports, { model, weights }, prepared)).output;
}

/** A split in which every picture is on the test side; it is in no lineage, so no training learns of it. */
async function allForTest(
  { store, clock }: TrainPorts,
  classes: readonly string[],
  dataset: DatasetManifest,
  datasetManifestKey: string,
): Promise<string> {
  const { signal } = currentActivity();
  const answer = await cachedStage({
    ...{ store, clock, signal, stage: 'split', codeVersion: CODE_VERSION, output: SplitOutput },
    addressedBy: { dataset: datasetManifestKey, all: 'test', classes },
    async compute(partsPrefix) {
      const units = new Set<string>();
      for await (const item of datasetItems(store, dataset, signal)) units.add(unitOf(item));
      if (units.size === 0) throw failedError('WATCH_EMPTY', datasetManifestKey, 'no items', 'what ingest wrote');
      const lines = [...units].sort(compareText).map((unit) => ({ unit, side: 'test' }));
      const assignments = await putPart(store, `${partsPrefix}assignments.jsonl`, encodeLines(lines), signal);
      const counts = { train: 0, validation: 0, test: dataset.images };
      const output = { datasetManifestKey, classes: [...classes], counts, perClass: {}, assignments, parent: null };
      return { output, parts: [assignments] };
    },
  });
  return answer.manifestKey;
}
