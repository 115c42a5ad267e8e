import { inputError } from '../../errors.ts';
import type { GraftError } from '../../errors.ts';
import { err, ok } from '../../result.ts';
import type { Result } from '../../result.ts';
import type { DetectedBox, DetectionSet, TruthBox, XywhBox } from './boxes.ts';

type Id = number | string;

export interface CocoTruth {
  readonly images: readonly { readonly id: Id }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly {
    readonly image_id: Id;
    readonly category_id: number;
    readonly bbox: XywhBox;
    readonly area?: number | undefined;
    readonly iscrowd?: 0 | 1 | boolean | undefined;
    readonly difficult?: 0 | 1 | boolean | undefined;
  }[];
}

export interface CocoDetection {
  readonly image_id: Id;
  readonly category_id: number;
  readonly bbox: XywhBox;
  readonly score: number;
}

export interface CocoSet {
  readonly set: DetectionSet;
  /** Detections of categories that the ground truth does not have: pycocotools passes over them in silence. */
  readonly foreign: number;
  /** Ids of the images, in the order of the set’s indexes. */
  readonly imageIds: readonly Id[];
}

/** How many are named in an error. */
const NAMED = 5;

/**
 * Ground truth and results in COCO’s form as indexes: images and categories ascending by id, as pycocotools sorts them.
 * ANNOTATION_BOX, ANNOTATION_CLASS, ANNOTATION_ORPHAN, EVAL_IMAGES: what can’t be scored is said, never dropped.
 */
export function cocoSet(
  truth: CocoTruth,
  results: readonly CocoDetection[],
  where: { readonly groundTruth: string; readonly detections: string },
): Result<CocoSet, GraftError> {
  const images = indexOf(truth.images.map(({ id }) => id));
  const sorted = [...truth.categories].sort((a, b) => a.id - b.id);
  const categories = new Map(sorted.map(({ id }, index) => [id, index]));
  if (categories.size < sorted.length) {
    const seen = 'two categories with one id';
    return err(inputError('ANNOTATION_CLASS', where.groundTruth, seen, 'an id for each', 'correct the list'));
  }
  const truths: TruthBox[] = [];
  for (const [index, annotation] of truth.annotations.entries()) {
    const found = truthBox(annotation, images, categories, `${where.groundTruth}: annotation ${index}`);
    if (!found.ok) return found;
    truths.push(found.value);
  }
  const unknown = new Set(results.map(({ image_id }) => image_id).filter((id) => !images.has(id)));
  if (unknown.size > 0) {
    const seen = `detections of ${unknown.size} images that the ground truth does not have: ${[...unknown].slice(0, NAMED).join(', ')}`;
    const remedy = 'give both files of the same set; are the ids file names in one of them?';
    return err(inputError('EVAL_IMAGES', where.detections, seen, `ids among its ${images.size} images`, remedy));
  }
  const detections: DetectedBox[] = [];
  let foreign = 0;
  for (const [index, { image_id, category_id, bbox, score }] of results.entries()) {
    if (bbox[2] < 0 || bbox[3] < 0) return err(badBox(`${where.detections}: result ${index}`, bbox));
    const category = categories.get(category_id);
    const image = images.get(image_id);
    if (category === undefined || image === undefined) foreign++;
    else detections.push({ image, category, box: bbox, score });
  }
  if (results.length > 0 && foreign === results.length) {
    const seen = `no detection of a category of the ground truth (ids ${sorted
      .slice(0, NAMED)
      .map(({ id }) => id)
      .join(', ')} …)`;
    const remedy = 'number the detector’s classes as the ground truth does: COCO’s ids start at 1 and have gaps';
    return err(inputError('ANNOTATION_CLASS', where.detections, seen, 'the same category ids', remedy));
  }
  const names = sorted.map(({ name }) => name);
  const set = { images: images.size, categories: names, truths, detections };
  return ok({ set, foreign, imageIds: [...images.keys()] });
}

function truthBox(
  annotation: CocoTruth['annotations'][number],
  images: ReadonlyMap<Id, number>,
  categories: ReadonlyMap<number, number>,
  where: string,
): Result<TruthBox, GraftError> {
  const { image_id, category_id, bbox, area, iscrowd, difficult } = annotation;
  const image = images.get(image_id);
  if (image === undefined) {
    const remedy = 'remove it, or add its image';
    return err(inputError('ANNOTATION_ORPHAN', where, `image ${image_id}`, 'an image of the list', remedy));
  }
  const category = categories.get(category_id);
  if (category === undefined) {
    const remedy = 'remove it, or add its category';
    return err(inputError('ANNOTATION_CLASS', where, `category ${category_id}`, 'a category of the list', remedy));
  }
  if (bbox[2] < 0 || bbox[3] < 0) return err(badBox(where, bbox));
  const flags = { crowd: Boolean(iscrowd), difficult: Boolean(difficult) };
  return ok({ image, category, box: bbox, area: area ?? bbox[2] * bbox[3], ...flags });
}

function badBox(where: string, box: XywhBox): GraftError {
  const expected = '[x, y, width, height] in pixels, width and height not below 0';
  return inputError('ANNOTATION_BOX', where, `[${box.join(', ')}]`, expected, 'are these two corners?');
}

function indexOf(ids: readonly Id[]): Map<Id, number> {
  const sorted = [...new Set(ids)].sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1,
  );
  return new Map(sorted.map((id, index) => [id, index]));
}
