import { log } from '@temporalio/activity';
import { z } from 'zod';
import { EvaluateOutput, GateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { RunRecord } from '../../contracts/run.ts';
import type { RunReport } from '../../contracts/run.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { GraftError, messageOf } from '../../core/errors.ts';
import { asSha256, asStageKey, isSha256 } from '../../core/ids.ts';
import { argMax, softmax } from '../../core/metrics/classification.ts';
import { runCurves } from '../../core/report/run-curves.ts';
import { runMarkdown } from '../../core/report/run-markdown.ts';
import { runPage } from '../../core/report/run-page.ts';
import type { RunStory, WorstItem } from '../../core/report/run-story.ts';
import { unwrap } from '../../core/result.ts';
import { runFiles } from '../../core/training/run-files.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { blobKey } from '../lib/dataset.ts';
import { readLines } from '../lib/json-lines.ts';
import { parseAs, readJson } from '../lib/json-object.ts';
import { readVersion } from '../lib/registry.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';

/** Pictures that a report carries along, and how large each may be: it is to stay a file that is sent by mail. */
const WORST = 12;
const MAX_PICTURE_BYTES = 200_000;

export interface StoryPorts {
  readonly store: ObjectStore;
  readonly graftVersion: string;
}

/**
 * Leaves `runs/<runId>/report/report.html` and `report.md`. A run is none the worse without them: what goes wrong here
 * is logged, and ends nothing.
 */
export async function leaveReport(ports: StoryPorts, report: RunReport): Promise<void> {
  try {
    const story = await readStory(ports, report);
    const put = (name: string, text: string, contentType: string): Promise<string> =>
      ports.store.put(`runs/${report.runId}/report/${name}`, new TextEncoder().encode(text), { contentType });
    await put('report.html', runPage(story), 'text/html; charset=utf-8');
    await put('report.md', runMarkdown(story), 'text/markdown; charset=utf-8');
  } catch (error) {
    log.warn('the run leaves no report', { runId: report.runId, error: messageOf(error) });
  }
}

async function readStory({ store, graftVersion }: StoryPorts, report: RunReport): Promise<RunStory> {
  const { runId, model, dataset, stages, gate, findings, metrics, status } = report;
  const record = await readJson(store, `runs/${runId}/run.json`, parseAs(RunRecord));
  const run = record.ok ? (record.value?.value ?? null) : null;
  const version = model?.version == null ? null : await readVersion(store, model.name, model.version);
  const logged = await store.get(`runs/${runId}/${runFiles.metrics}`);
  const { evaluation, champion, trained, worst } = await readResults(store, version);
  return {
    ...{ runId, status, metrics, stages, gate, findings, model, worst, champion },
    name: run?.config.name ?? dataset?.name ?? '',
    createdAt: run?.createdAt ?? null,
    requestedBy: run?.requestedBy ?? null,
    graftVersion,
    dataset,
    training: trained && {
      ...{ epochs: trained.epochs, bestEpoch: trained.bestEpoch, steps: trained.steps },
      ...{ backbone: trained.model.backbone, strategy: trained.model.strategy },
    },
    curves: runCurves(new TextDecoder().decode(logged?.body)),
    evaluation,
    plan: planOf(report.estimate),
    config: JSON.stringify(run?.config ?? {}, null, 2),
  };
}

/** What `graft plan` foretold of the training, and what came. */
const planOf = (estimate: RunReport['estimate']): RunStory['plan'] =>
  estimate ? [{ what: 'training, seconds', planned: estimate.seconds.expected, actual: estimate.actualSeconds }] : [];

async function readResults(store: ObjectStore, version: ModelVersion | null) {
  if (!version) return { evaluation: null, champion: null, trained: null, worst: [] };
  const { lineage, model } = version;
  const output = async <T extends z.ZodType>(
    stage: 'evaluate' | 'gate' | 'prepare' | 'train',
    key: string,
    schema: T,
  ) =>
    isSha256(key)
      ? ((await readStage(store, stageManifestKey(stage, asStageKey(asSha256(key))), schema))?.output ?? null)
      : null;
  const [evaluated, gate, trained, prepared] = await Promise.all([
    output('evaluate', lineage.evaluateKey, EvaluateOutput),
    output('gate', lineage.gateKey, GateOutput),
    output('train', lineage.trainKey, TrainOutput),
    output('prepare', lineage.prepareKey, PrepareOutput),
  ]);
  const evaluation = evaluated && { classes: model.classes, ...evaluated.metrics };
  const champion = gate?.champion ? { version: gate.champion.version, metrics: gate.champion.metrics } : null;
  const worst = evaluated && prepared ? await readWorst(store, evaluated, prepared, model.classes) : [];
  return { evaluation, champion, trained, worst };
}

const Item = z.object({ path: z.string(), sha256: z.string().optional() });

/** The mistakes that the model was surest of. */
async function readWorst(
  store: ObjectStore,
  { logits: blob }: EvaluateOutput,
  prepared: PrepareOutput,
  classes: readonly string[],
): Promise<WorstItem[]> {
  const found = await store.get(blob.key, { sha256: blob.sha256 });
  if (!found) return [];
  const { tensors } = unwrap(decodeSafetensors(found.body, blob.key));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !labels) return [];
  const mistakes = surestMistakes(asFloat32(logits), asInt32(labels), classes.length);
  const items: { path: string; sha256?: string | undefined }[] = [];
  for (const { items: lines } of prepared.sides.test?.shards ?? []) {
    for await (const item of readLines(store, lines, Item, new AbortController().signal)) items.push(item);
  }
  return Promise.all(
    mistakes.map(async ({ row, truth, given, score }) => ({
      path: items[row]?.path ?? '',
      truth: classes[truth] ?? String(truth),
      predicted: classes[given] ?? String(given),
      score,
      picture: await picture(store, items[row]?.sha256),
    })),
  );
}

function surestMistakes(logits: Float32Array, labels: Int32Array, classes: number) {
  const mistakes: { row: number; truth: number; given: number; score: number }[] = [];
  for (const [row, truth] of labels.entries()) {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    const given = argMax(scores);
    if (given !== truth) mistakes.push({ row, truth, given, score: softmax(scores)[given] ?? 0 });
  }
  return mistakes.sort((a, b) => b.score - a.score).slice(0, WORST);
}

/** What its first bytes say it is, and a browser shows. */
const TYPES: readonly (readonly [string, string])[] = [
  ['image/jpeg', 'ffd8ff'],
  ['image/png', '89504e470d0a1a0a'],
  ['image/gif', '47494638'],
];

async function picture(store: ObjectStore, sha256: string | undefined): Promise<string | null> {
  if (sha256 === undefined || !isSha256(sha256)) return null;
  try {
    const found = await store.get(blobKey(sha256), { sha256, maxBytes: MAX_PICTURE_BYTES });
    if (!found) return null;
    const bytes = Buffer.from(found.body);
    const type = TYPES.find(([, magic]) => bytes.toString('hex', 0, magic.length / 2) === magic)?.[0];
    return type === undefined ? null : `data:${type};base64,${bytes.toString('base64')}`;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_SIZE') return null;
    throw error;
  }
}
