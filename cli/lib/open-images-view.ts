import { LabelTree } from '../../contracts/coco-files.ts';
import type { CocoGroundTruth } from '../../contracts/coco-files.ts';
import { inputError } from '../../core/errors.ts';
import type { DetectionSet } from '../../core/metrics/detection/boxes.ts';
import type { CocoSet } from '../../core/metrics/detection/coco-set.ts';
import { ancestorsOf } from '../../core/metrics/detection/label-tree.ts';
import { evaluateOpenImages } from '../../core/metrics/detection/open-images.ts';
import type { OpenImagesOptions } from '../../core/metrics/detection/open-images.ts';
import { unwrap } from '../../core/result.ts';
import { readJsonFile } from '../../infra/json-file.ts';
import type { Output } from '../output.ts';
import { figure } from './units.ts';

/** Open Images’ figures of a set: V2 as it stands, and the challenge’s, where missed groups count and classes lie in a tree. */
export async function openImagesFigures({ set, imageIds }: CocoSet, truth: CocoGroundTruth, hierarchy: string | null) {
  const verified = verifiedIn(set, truth, imageIds);
  const ancestors = hierarchy === null ? null : await readTree(hierarchy, set.categories);
  const figures = (groupWeight: number, tree: OpenImagesOptions['ancestors']) => {
    const { mAP, perClass } = evaluateOpenImages(set, { groupWeight, ancestors: tree, verified });
    return { mAP, perClass: set.categories.map((label, index) => ({ label, AP: perClass[index] ?? -1 })) };
  };
  return { v2: figures(0, null), challenge: figures(1, ancestors), verified: verified !== null };
}

async function readTree(path: string, categories: readonly string[]): Promise<ReadonlyMap<number, readonly number[]>> {
  const tree = unwrap(await readJsonFile(path, LabelTree, 'a hierarchy: {LabelName, Subcategory: […]}'));
  const ancestors = ancestorsOf(tree, categories);
  if (ancestors.size > 0) return ancestors;
  const expected = `some of the categories: ${categories.slice(0, 5).join(', ')}`;
  const remedy = 'name the categories as the hierarchy does (/m/…), or the hierarchy as they are';
  throw inputError('EVAL_HIERARCHY', path, 'none of the categories', expected, remedy);
}

/** What people have looked for: what is there, and what they said is not (`neg_category_ids`); null where nothing is said. */
function verifiedIn(
  set: DetectionSet,
  { images, categories }: CocoGroundTruth,
  imageIds: CocoSet['imageIds'],
): OpenImagesOptions['verified'] {
  if (images.every(({ neg_category_ids: absent }) => absent === undefined)) return null;
  const index = new Map([...categories].sort((a, b) => a.id - b.id).map(({ id }, at) => [id, at]));
  const absentIn = new Map(images.map(({ id, neg_category_ids: absent = [] }) => [id, absent]));
  const looked = imageIds.map(
    (id) => new Set((absentIn.get(id) ?? []).flatMap((category) => index.get(category) ?? [])),
  );
  for (const { image, category } of set.truths) looked[image]?.add(category);
  return (image) => looked[image] ?? new Set();
}

export function showOpenImages(
  { v2, challenge, verified }: Awaited<ReturnType<typeof openImagesFigures>>,
  output: Output,
): void {
  const shown = (value: number): string => (value < 0 ? '–' : figure(value));
  output.say(`Open Images at IoU .5: V2 ${shown(v2.mAP)}, challenge ${shown(challenge.mAP)}`);
  if (!verified) {
    output.say('no image says what is not in it (neg_category_ids): every detection counts');
  }
}
