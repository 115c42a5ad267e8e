import { readFile } from 'node:fs/promises';
import type { BlobRef, EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { failedError } from '../../core/errors.ts';
import { scoreLogits } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { testPaths } from '../gate/answers.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { pathsOf } from '../lib/json-lines.ts';
import type { TrainPorts } from '../ports.ts';

type Newest = NonNullable<EvaluateOutput['newest']>;

/** What an evaluation says of some of the test images: the newest. */
export async function scoreNewest(
  { store, files }: Pick<TrainPorts, 'store' | 'files'>,
  { logits: blob }: EvaluateOutput,
  prepared: PrepareOutput,
  newest: BlobRef,
  activity: RunningActivity,
): Promise<Newest> {
  const wanted = await pathsOf(store, newest, activity.signal);
  const paths = await testPaths({ store }, prepared, activity);
  const path = await files.fetch(blob, activity.signal);
  const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !labels) throw failedError('EVALUATE_OUTPUT', blob.key, 'no logits or labels', 'both');
  const [scores, truth] = [asFloat32(logits), asInt32(labels)];
  const classes = prepared.classes.length;
  const rows = paths.flatMap((each, row) => (wanted.has(each) ? [row] : []));
  const chosen = new Float32Array(rows.length * classes);
  for (const [at, row] of rows.entries()) chosen.set(scores.subarray(row * classes, (row + 1) * classes), at * classes);
  const own = Int32Array.from(rows, (row) => truth[row] ?? 0);
  const { perClass: _, confusion: __, ...figures } = scoreLogits(chosen, own, prepared.classes);
  return figures;
}
