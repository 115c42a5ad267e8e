import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { failedError } from '../../core/errors.ts';
import { argMax } from '../../core/metrics/classification.ts';
import type { PairedAnswers } from '../../core/promotion/paired.ts';
import { unwrap } from '../../core/result.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { readLines } from '../lib/json-lines.ts';
import type { TrainPorts } from '../ports.ts';

interface Answers {
  readonly labels: Int32Array;
  /** The class that each image was given. */
  readonly given: Int32Array;
}

/** What two evaluations of one test set said of every image. GATE_TEST_SET (failed) where the sets are not the same. */
export async function pairedAnswers(
  ports: Pick<TrainPorts, 'files'>,
  classes: number,
  challenger: EvaluateOutput,
  champion: EvaluateOutput,
  { signal }: RunningActivity,
): Promise<PairedAnswers> {
  const ours = await answersOf(ports, challenger, classes, signal);
  const theirs = await answersOf(ports, champion, classes, signal);
  const same = ours.labels.length === theirs.labels.length && ours.labels.every((l, row) => l === theirs.labels[row]);
  if (!same) {
    const seen = `${ours.labels.length} and ${theirs.labels.length} images with other labels`;
    throw failedError('GATE_TEST_SET', 'gate', seen, 'one test set for both', 'run again: evaluations are made anew');
  }
  return { classes, labels: ours.labels, challenger: ours.given, champion: theirs.given };
}

async function answersOf(
  ports: Pick<TrainPorts, 'files'>,
  { logits: blob }: EvaluateOutput,
  classes: number,
  signal: AbortSignal,
): Promise<Answers> {
  const path = await ports.files.fetch(blob, signal);
  const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !labels) throw failedError('EVALUATE_OUTPUT', blob.key, 'no logits or labels', 'both');
  const scores = asFloat32(logits);
  const truth = asInt32(labels);
  const given = Int32Array.from(truth, (_, row) => argMax(scores.subarray(row * classes, (row + 1) * classes)));
  return { labels: truth, given };
}

const Item = z.object({ path: z.string() });

/** The relative paths of the test images, in the order of the logits. */
export async function testPaths(
  { store }: Pick<TrainPorts, 'store'>,
  prepared: PrepareOutput,
  { signal }: RunningActivity,
): Promise<string[]> {
  const paths: string[] = [];
  for (const { items } of prepared.sides.test?.shards ?? []) {
    for await (const { path } of readLines(store, items, Item, signal)) paths.push(path);
  }
  return paths;
}
