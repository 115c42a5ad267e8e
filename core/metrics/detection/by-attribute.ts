import type { DetectionSet } from './boxes.ts';
import { evaluateCoco } from './coco.ts';

/** What an image is like, as BDD100K says it: `weather: rainy`, `timeofday: night`. */
export type ImageAttributes = Readonly<Record<string, string>>;

/** Figures on the images of which one thing holds; −1 where nothing contributes, as in pycocotools. */
export interface AttributeFigures {
  readonly attribute: string;
  readonly value: string;
  readonly images: number;
  readonly objects: number;
  readonly AP: number;
  readonly AP50: number;
}

/** An attribute with more values is a name of the image and no condition. */
const MOST_VALUES = 24;

/** COCO’s AP for every value of every attribute, in alphabetical order. `attributes` are those of the set’s images. */
export function figuresByAttribute(
  set: DetectionSet,
  attributes: readonly (ImageAttributes | undefined)[],
): AttributeFigures[] {
  const groups = new Map<string, Map<string, Set<number>>>();
  for (const [image, own] of attributes.entries()) {
    for (const [name, value] of Object.entries(own ?? {})) {
      const values = groups.get(name) ?? new Map<string, Set<number>>();
      groups.set(name, values.set(value, (values.get(value) ?? new Set()).add(image)));
    }
  }
  const byName = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return byName(groups)
    .filter(([, values]) => values.size <= MOST_VALUES)
    .flatMap(([attribute, values]) =>
      byName(values).map(([value, images]): AttributeFigures => {
        const among = <T extends { readonly image: number }>(list: readonly T[]): T[] =>
          list.filter(({ image }) => images.has(image));
        const own = { ...set, truths: among(set.truths), detections: among(set.detections) };
        const { AP, AP50 } = evaluateCoco(own).figures;
        return { attribute, value, images: images.size, objects: own.truths.length, AP, AP50 };
      }),
    );
}
