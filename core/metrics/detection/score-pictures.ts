import type { BoxedPicture } from '../../dataset/framed-boxes.ts';
import { CROWD, DIFFICULT, flagsOf } from '../../dataset/framed-boxes.ts';
import { boxInPicture, placementOf } from '../../dataset/framing.ts';
import type { Framing } from '../../dataset/framing.ts';
import { unwrap } from '../../result.ts';
import type { DetectionSet } from './boxes.ts';
import { figuresByAttribute } from './by-attribute.ts';
import type { ImageAttributes } from './by-attribute.ts';
import { cocoSet } from './coco-set.ts';
import { precisionIntervals } from './interval.ts';
import { objectFigures, operatingPoint, worstPictures } from './operating-point.ts';
import { bootstrapOf, detectionReport } from './report.ts';

/** A picture and its objects, in its own pixels. */
export interface NamedPicture extends BoxedPicture {
  readonly path: string;
  readonly attributes?: ImageAttributes | undefined;
}

type Quad = [number, number, number, number];

/** Class + 1, score, ymin, xmin, ymax, xmax. */
const COLUMNS = 6;

/** All figures of a detector, from what it said of each picture: in the pictures' own pixels. */
export function scoreDetections(
  pictures: readonly NamedPicture[],
  raw: { readonly logits: Float32Array; readonly loss: number },
  { image, classes }: { readonly image: Framing; readonly classes: readonly string[] },
) {
  const groundTruth = groundTruthOf(pictures, classes);
  const detections = detectionsOf(pictures, raw.logits, image);
  const names = { groundTruth: 'test side', detections: 'detections' };
  const { set } = unwrap(cocoSet(groundTruth, detections, names));
  const point = operatingPoint(set);
  const figures = objectFigures(point, { images: pictures.length, loss: raw.loss, classes });
  // Ids are those of the pictures in their order, and so are the set's indexes.
  const perAttribute = figuresByAttribute(
    set,
    pictures.map(({ attributes }) => attributes),
  ).map((each) => ({ ...each }));
  const detection = {
    ...plainReport(set),
    ...(perAttribute.length === 0 ? {} : { perAttribute }),
    intervals: { ...precisionIntervals(set, bootstrapOf(set)) },
    scoreThreshold: point.scoreThreshold,
    confusion: point.confusion,
    worst: worstPictures(
      point,
      pictures.map(({ path }) => path),
    ),
  };
  return { metrics: { ...figures, perClass: [...figures.perClass] }, detection, groundTruth, detections };
}

function plainReport(set: DetectionSet) {
  const { perClass, ...rest } = detectionReport(set);
  return { ...rest, perClass: [...perClass] };
}

function groundTruthOf(pictures: readonly NamedPicture[], classes: readonly string[]) {
  const ids = new Map(classes.map((name, index) => [name, index + 1]));
  return {
    images: pictures.map(({ path, width, height, attributes }, index) => ({
      ...{ id: index + 1, file_name: path, width, height },
      ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
    })),
    categories: classes.map((name, index) => ({ id: index + 1, name })),
    annotations: pictures.flatMap(({ boxes }, index) =>
      boxes.flatMap((box) => {
        const category = ids.get(box.label);
        if (category === undefined) return [];
        const [width, height] = [box.xMax - box.xMin, box.yMax - box.yMin];
        const flags = flagsOf(box);
        return [
          {
            image_id: index + 1,
            category_id: category,
            bbox: [box.xMin, box.yMin, width, height] as Quad,
            area: box.area ?? width * height,
            iscrowd: (flags & CROWD) === 0 ? (0 as const) : (1 as const),
            difficult: (flags & DIFFICULT) === 0 ? (0 as const) : (1 as const),
          },
        ];
      }),
    ),
  };
}

function detectionsOf(pictures: readonly NamedPicture[], logits: Float32Array, image: Framing) {
  const most = logits.length / Math.max(1, pictures.length) / COLUMNS;
  return pictures.flatMap((picture, row) => {
    const placement = placementOf(image, picture.width, picture.height);
    const own = logits.subarray(row * most * COLUMNS, (row + 1) * most * COLUMNS);
    return Array.from({ length: most }, (_, index) => own.subarray(index * COLUMNS, (index + 1) * COLUMNS)).flatMap(
      ([label = 0, score = 0, top = 0, left = 0, bottom = 0, right = 0]) => {
        if (label === 0) return [];
        const frame = {
          ...{ xMin: left * image.widthPx, yMin: top * image.heightPx },
          ...{ xMax: right * image.widthPx, yMax: bottom * image.heightPx },
        };
        const bbox = cutBox(boxInPicture(frame, placement), picture);
        return [{ image_id: row + 1, category_id: label, bbox, score }];
      },
    );
  });
}

const hundredth = (value: number): number => Math.round(value * 100) / 100;

/** Left, top, width, height within the picture. */
export function cutBox(
  { xMin, yMin, xMax, yMax }: { xMin: number; yMin: number; xMax: number; yMax: number },
  { width, height }: { readonly width: number; readonly height: number },
): Quad {
  const within = (value: number, most: number): number => Math.min(most, Math.max(0, value));
  const [left, top] = [hundredth(within(xMin, width)), hundredth(within(yMin, height))];
  return [left, top, hundredth(within(xMax, width) - left), hundredth(within(yMax, height) - top)];
}
