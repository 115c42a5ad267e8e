import { z } from 'zod';
import { EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import { argMax } from '../../core/metrics/classification.ts';
import { sliceParts } from '../../core/promotion/rules.ts';
import { sliceFiguresOf } from '../../core/promotion/slices.ts';
import type { SliceFigure } from '../../core/promotion/slices.ts';
import { unwrap } from '../../core/result.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readLinesOf, readStageOutput } from './read-stage.ts';

const Item = z.object({ path: z.string() });

/**
 * How good a version is on each slice of its test set: images whose paths have the same text in the expression's first
 * group. Null where its logits or its list of images are gone, or it finds objects. SLICES (input).
 */
export async function sliceFigures(
  store: ObjectStore,
  { name, version, model, lineage, detection }: ModelVersion,
  by: string,
): Promise<SliceFigure[] | null> {
  if (detection) return null;
  const evaluated = await readStageOutput(store, 'evaluate', lineage.evaluateKey, EvaluateOutput);
  const prepared = await readStageOutput(store, 'prepare', lineage.prepareKey, PrepareOutput);
  const stored = evaluated && (await store.get(evaluated.logits.key, { sha256: evaluated.logits.sha256 }));
  if (!prepared || !stored) return null;
  const { tensors } = unwrap(decodeSafetensors(stored.body, evaluated.logits.key));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !labels) return null;
  const [scores, truth, classes] = [asFloat32(logits), asInt32(labels), model.classes.length];
  const paths: string[] = [];
  for (const { items } of prepared.sides.test?.shards ?? []) {
    for (const { path } of await readLinesOf(store, items, Item)) paths.push(path);
  }
  if (paths.length !== truth.length) return null;
  const isRight = (row: number): boolean => argMax(scores.subarray(row * classes, (row + 1) * classes)) === truth[row];
  const figures = sliceFiguresOf(partsBy(paths, by), isRight);
  if (figures.length > 0) return figures;
  const expected = 'an expression whose first group occurs in the paths';
  throw inputError(
    'SLICES',
    `${name} version ${version}`,
    `${by} matches no path, e.g. ${paths[0] ?? 'none'}`,
    expected,
    "e.g. '(day|night)'",
  );
}

function partsBy(paths: readonly string[], by: string) {
  try {
    return sliceParts(paths, by);
  } catch (error) {
    throw inputError(
      'SLICES',
      by.slice(0, 80),
      messageOf(error),
      'a regular expression with a group',
      "e.g. '(day|night)'",
    );
  }
}
