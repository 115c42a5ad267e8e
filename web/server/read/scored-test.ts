import { z } from 'zod';
import { EvaluateOutput, GateOutput, PrepareOutput } from '../../../contracts/manifests.ts';
import { ModelVersion } from '../../../contracts/registry.ts';
import type { ScoredItem } from '../../../contracts/web.ts';
import { decodeSafetensors } from '../../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../../core/checkpoint/tensor-data.ts';
import { failedError, inputError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { argMax, logSumExp } from '../../../core/metrics/classification.ts';
import { unwrap } from '../../../core/result.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { readLinesOf, readStageOutput } from '../../../infra/clients/read-stage.ts';
import { readRunReport } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

/** What a model said of every test picture. */
export interface Scores {
  readonly classes: number;
  readonly labels: Int32Array;
  readonly given: Int32Array;
  /** Of what was given, and of the truth. */
  readonly confidence: Float32Array;
  readonly truthScore: Float32Array;
  /** The probability of a class, by row. */
  of(row: number, index: number): number;
}

/** A run's evaluation with all that hangs on it. */
export interface ScoredTest {
  readonly version: ModelVersion;
  readonly evaluation: EvaluateOutput;
  /** Null where the logits are gone. */
  readonly scores: Scores | null;
  /** The pictures, in the order of the scores. */
  readonly items: readonly { readonly path: string; readonly sha256: string | null }[];
  readonly champion: {
    readonly version: number;
    readonly evaluation: EvaluateOutput | null;
    readonly scores: Scores | null;
  } | null;
}

/** Throws RUN_NOT_EVALUATED (404) where the run has not come so far, or what it came to is gone. */
export async function readScoredTest(store: ObjectStore, runId: RunId): Promise<ScoredTest> {
  const model = (await readRunReport(store, runId))?.model;
  const key = `models/${model?.name ?? ''}/versions/${model?.version ?? 0}/manifest.json`;
  const version = model?.version == null ? null : await readJson(store, key, ModelVersion);
  const lineage = version?.lineage;
  const evaluation = lineage && (await readStageOutput(store, 'evaluate', lineage.evaluateKey, EvaluateOutput));
  if (!version || !lineage || !evaluation) {
    const seen = 'there is no evaluation of it';
    const expected = 'a run that has registered its model';
    throw inputError('RUN_NOT_EVALUATED', `run ${runId}`, seen, expected, 'wait for its end, or see its log');
  }
  const [prepared, gate, scores] = await Promise.all([
    readStageOutput(store, 'prepare', lineage.prepareKey, PrepareOutput),
    readStageOutput(store, 'gate', lineage.gateKey, GateOutput),
    // Of a detector the logits are detections: web/server/read/detected-test.ts.
    evaluation.detection ? null : readScores(store, evaluation),
  ]);
  const held = gate?.champion ?? null;
  const theirs =
    held?.evaluateKey === undefined ? null : await readStageOutput(store, 'evaluate', held.evaluateKey, EvaluateOutput);
  return {
    ...{ version, evaluation, scores },
    items: await testItems(store, prepared),
    champion: held && {
      version: held.version,
      evaluation: theirs,
      scores: theirs && !theirs.detection ? await readScores(store, theirs) : null,
    },
  };
}

const Item = z.object({ path: z.string(), sha256: z.string().optional() });

async function testItems(store: ObjectStore, prepared: PrepareOutput | null): Promise<ScoredTest['items']> {
  const items: { path: string; sha256: string | null }[] = [];
  for (const { items: blob } of prepared?.sides.test?.shards ?? []) {
    for (const { path, sha256 = null } of await readLinesOf(store, blob, Item)) items.push({ path, sha256 });
  }
  return items;
}

const MAX_BYTES = 512 * 2 ** 20;

async function readScores(store: ObjectStore, { logits: blob }: EvaluateOutput): Promise<Scores | null> {
  const found = await store.get(blob.key, { sha256: blob.sha256, maxBytes: MAX_BYTES });
  if (!found) return null;
  const { tensors } = unwrap(decodeSafetensors(found.body, blob.key));
  const [logits, truth] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !truth) throw failedError('EVALUATE_OUTPUT', blob.key, 'no logits or labels', 'both');
  return scoresOf(asFloat32(logits), asInt32(truth));
}

export function scoresOf(logits: Float32Array, labels: Int32Array): Scores {
  const classes = labels.length === 0 ? 0 : logits.length / labels.length;
  const row = (index: number): Float32Array => logits.subarray(index * classes, (index + 1) * classes);
  const norms = Float64Array.from(labels, (_, index) => logSumExp(row(index)));
  const of = (index: number, column: number): number =>
    Math.exp((row(index)[column] ?? -Infinity) - (norms[index] ?? 0));
  const given = Int32Array.from(labels, (_, index) => argMax(row(index)));
  return {
    ...{ classes, labels, given, of },
    confidence: Float32Array.from(given, (column, index) => of(index, column)),
    truthScore: Float32Array.from(labels, (column, index) => of(index, column)),
  };
}

/** Rows as the page lists them, the largest loss first. */
export function scoredItems(
  { scores, items, version }: ScoredTest,
  keep: (truth: number, given: number) => boolean,
): ScoredItem[] {
  if (!scores) return [];
  const label = (index: number): string => version.model.classes[index] ?? String(index);
  const rows: ScoredItem[] = [];
  for (const [row, truth] of scores.labels.entries()) {
    const given = scores.given[row] ?? 0;
    if (!keep(truth, given)) continue;
    const truthScore = scores.truthScore[row] ?? 0;
    const { path = '', sha256 = null } = items[row] ?? {};
    // A probability of 0 has no finite loss, and JSON no infinity.
    const loss = -Math.log(Math.max(truthScore, 1e-30));
    rows.push({
      ...{ path, sha256, truthScore, loss },
      truth: label(truth),
      predicted: label(given),
      score: scores.confidence[row] ?? 0,
    });
  }
  return rows.sort((a, b) => b.loss - a.loss || (a.path < b.path ? -1 : 1));
}
