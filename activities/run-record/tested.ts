import { z } from 'zod';
import type { EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { argMax } from '../../core/metrics/classification.ts';
import { sliceParts } from '../../core/promotion/rules.ts';
import { sliceFiguresOf } from '../../core/promotion/slices.ts';
import type { SlicesStory } from '../../core/report/run-story.ts';
import { unwrap } from '../../core/result.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { readLines } from '../lib/json-lines.ts';

const Item = z.object({ path: z.string(), sha256: z.string().optional() });

/** The test pictures of a run in their order, and what a classifier said of them. */
export interface Tested {
  readonly items: readonly z.infer<typeof Item>[];
  /** `logits` [rows × classes] and `labels` [rows]; null of a detector, and where they are gone. */
  readonly answers: { readonly logits: Float32Array; readonly labels: Int32Array } | null;
}

export async function readTested(
  store: ObjectStore,
  { logits: blob, detection }: EvaluateOutput,
  prepared: PrepareOutput,
): Promise<Tested> {
  const items: z.infer<typeof Item>[] = [];
  for (const { items: lines } of prepared.sides.test?.shards ?? []) {
    for await (const item of readLines(store, lines, Item, new AbortController().signal)) items.push(item);
  }
  const found = detection ? null : await store.get(blob.key, { sha256: blob.sha256 });
  if (!found) return { items, answers: null };
  const { tensors } = unwrap(decodeSafetensors(found.body, blob.key));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  return { items, answers: logits && labels ? { logits: asFloat32(logits), labels: asInt32(labels) } : null };
}

/** A detector's figures by attribute, a classifier's by the gate's expression; null where there is neither. */
export function slicesStory(
  { detection }: EvaluateOutput,
  { items, answers }: Tested,
  by: string | null,
): SlicesStory | null {
  if (detection) return { kind: 'attributes', figures: detection.metrics.perAttribute ?? [] };
  if (by === null || answers === null || items.length !== answers.labels.length) return null;
  const { logits, labels } = answers;
  const classes = logits.length / Math.max(1, labels.length);
  const isRight = (row: number): boolean => argMax(logits.subarray(row * classes, (row + 1) * classes)) === labels[row];
  const parts = sliceParts(
    items.map(({ path }) => path),
    by,
  );
  return { kind: 'paths', by, figures: sliceFiguresOf(parts, isRight) };
}
