import type { Json } from '../../canonical-json.ts';
import type { Box } from '../annotations.ts';
import { toCoco } from '../box-formats.ts';
import type { ExportItem } from './export-item.ts';

/** COCO's objects (cocodataset.org, "Data format"). Categories are numbered from 1, as in COCO itself. */
export const cocoCategories = (classes: readonly string[]): Json[] =>
  classes.map((name, i) => ({ id: i + 1, name, supercategory: '' }));

export const cocoImage = ({ name, width, height }: ExportItem, id: number): Json => ({
  id,
  file_name: name,
  width,
  height,
});

/** `area` is that of the box where no mask was known; `segmentation` is the box's outline, which pycocotools wants. */
export function cocoAnnotation(box: Box, ids: { id: number; imageId: number; categoryId: number }): Json {
  const { xMin, yMin, xMax, yMax } = box;
  const [x, y, width, height] = toCoco(box);
  const outline = [xMin, yMin, xMax, yMin, xMax, yMax, xMin, yMax];
  return {
    id: ids.id,
    image_id: ids.imageId,
    category_id: ids.categoryId,
    bbox: [x, y, width, height],
    area: box.area ?? width * height,
    iscrowd: box.crowd === true ? 1 : 0,
    segmentation: [outline],
  };
}
