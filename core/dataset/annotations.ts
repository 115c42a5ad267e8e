/**
 * What is known of a picture beside its pixels. Coordinates are absolute pixels of the upright image (EXIF honoured), as
 * edges: (0, 0) is the outer corner of the upper left pixel, x grows to the right, y downwards, and a box around the
 * whole picture is 0, 0, width, height. Formats that count pixels instead of edges are converted in box-formats.ts.
 */
export interface Box {
  readonly label: string;
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
  /** COCO `iscrowd`: a region of many objects; detections in it are neither right nor wrong. */
  readonly crowd?: boolean | undefined;
  /** VOC `difficult`: left out of evaluation. */
  readonly difficult?: boolean | undefined;
  /** Open Images `IsGroupOf`: more than five instances that hide each other. */
  readonly groupOf?: boolean | undefined;
  /** Goes on beyond the edge of the picture. */
  readonly truncated?: boolean | undefined;
  readonly occluded?: boolean | undefined;
  /** COCO `area` in square pixels, where it is given: of the object's mask, not of the box. */
  readonly area?: number | undefined;
}

export const boxFlags = ['crowd', 'difficult', 'groupOf', 'truncated', 'occluded'] as const;
export type BoxFlag = (typeof boxFlags)[number];

export const sides = ['train', 'validation', 'test'] as const;
export type GivenSide = (typeof sides)[number];

/** The annotations of an item. Absent keys mean that nothing is known; `boxes: []` that the picture shows none. */
export interface ItemAnnotations {
  readonly boxes?: readonly Box[] | undefined;
  /** Several labels of the whole picture, each once; the item's own `label` is the first of them. */
  readonly labels?: readonly string[] | undefined;
  /** Classes that somebody looked for and did not find (Open Images). */
  readonly negatives?: readonly string[] | undefined;
  /** Weather, scene, time of day …: text by name. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** The side that the data set's maker put it on. */
  readonly side?: GivenSide | undefined;
  /** What must stay on one side: a patient, a video. */
  readonly group?: string | undefined;
}

/** Annotations as a source has them, before the size of the picture is known. */
export interface SourceAnnotations extends ItemAnnotations {
  /** What the boxes are measured in: pixels, or shares of the picture's width and height. */
  readonly unit: 'pixels' | 'relative';
  /** The picture's size as the annotations have it, in pixels; another one is ANNOTATION_SIZE. */
  readonly size?: { readonly width: number; readonly height: number } | undefined;
}

/** Why an item can't be used: the code and the words of its quarantine. */
export interface AnnotationProblem {
  readonly code: string;
  readonly reason: string;
}

/** Classes of an item, each once: of its boxes where it has any, else of the whole picture. */
export function classesOf(item: ItemAnnotations & { readonly label: string }): string[] {
  if (item.boxes !== undefined) return [...new Set(item.boxes.map(({ label }) => label))];
  return [...new Set([item.label, ...(item.labels ?? [])])];
}
