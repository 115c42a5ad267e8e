import type { Result } from '../../result.ts';
import { ok } from '../../result.ts';
import type { GraftError } from '../../errors.ts';
import type { XywhBox } from './boxes.ts';
import { cocoSet } from './coco-set.ts';
import type { CocoDetection, CocoTruth } from './coco-set.ts';
import { operatingPoint } from './operating-point.ts';

/** `right`, `wrong`: what was found; `missed`: an object that was not. */
export type Judgement = 'right' | 'wrong' | 'missed';

export interface JudgedBox {
  readonly judgement: Judgement;
  readonly label: string;
  /** Null for an object that was missed. */
  readonly score: number | null;
  readonly box: XywhBox;
}

/** A picture with what would be shown in it, and what should have been. */
export interface JudgedPicture {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly JudgedBox[];
}

interface NamedTruth extends CocoTruth {
  readonly images: readonly {
    readonly id: number | string;
    readonly file_name: string;
    readonly width: number;
    readonly height: number;
  }[];
}

/** The pictures of an evaluation that are named, in the order of the names, with every box that counts at the threshold. */
export function judgedPictures(
  truth: NamedTruth,
  results: readonly CocoDetection[],
  names: readonly string[],
  scoreThreshold: number,
): Result<JudgedPicture[], GraftError> {
  const wanted = new Set(names);
  const images = truth.images.filter(({ file_name: path }) => wanted.has(path));
  const ids = new Set(images.map(({ id }) => id));
  const inThem = <T extends { readonly image_id: number | string }>(list: readonly T[]): T[] =>
    list.filter(({ image_id: id }) => ids.has(id));
  const own = { ...truth, images, annotations: inThem(truth.annotations) };
  // What is not sure enough is shown to nobody, and a set without detections has no foreign classes.
  const sure = inThem(results).filter(({ score }) => score >= scoreThreshold);
  const read = cocoSet(own, sure, { groundTruth: 'ground truth', detections: 'detections' });
  if (!read.ok) return read;
  const { set, imageIds } = read.value;
  const point = operatingPoint(set, scoreThreshold);
  const boxes = imageIds.map((): JudgedBox[] => []);
  const label = (category: number): string => set.categories[category] ?? String(category);
  for (const truthBox of point.missed) {
    boxes[truthBox.image]?.push({ judgement: 'missed', label: label(truthBox.category), score: null, box: truthBox.box }); // prettier-ignore
  }
  for (const [judgement, found] of [
    ['wrong', point.wrong],
    ['right', point.right],
  ] as const) {
    for (const { image, category, score, box } of found) boxes[image]?.push({ judgement, label: label(category), score, box }); // prettier-ignore
  }
  const boxesOf = new Map(imageIds.map((id, index) => [id, boxes[index] ?? []]));
  const byPath = new Map(
    images.map(({ id, file_name: path, width, height }) => [path, { path, width, height, boxes: boxesOf.get(id) ?? [] }]), // prettier-ignore
  );
  return ok(names.flatMap((name) => byPath.get(name) ?? []));
}
