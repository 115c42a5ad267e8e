import { z } from 'zod';

/**
 * Files in COCO’s form, of graft or of any other tool (https://cocodataset.org/#format-data, #format-results). Keys that
 * play no part in scoring boxes are left out.
 */
const Id = z.union([z.int(), z.string().max(1024)]);
const Box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

export const CocoAnnotation = z.object({
  image_id: Id,
  category_id: z.int(),
  bbox: Box,
  /** Of the mask where there is one; the box’s where absent. */
  area: z.number().min(0).optional(),
  iscrowd: z.union([z.literal(0), z.literal(1), z.boolean()]).optional(),
  /** Not COCO’s: Pascal VOC’s flag, as converters carry it over. */
  difficult: z.union([z.literal(0), z.literal(1), z.boolean()]).optional(),
});
export type CocoAnnotation = z.infer<typeof CocoAnnotation>;

export const CocoGroundTruth = z.object({
  images: z
    .array(
      z.object({
        id: Id,
        /** Not COCO’s: what the image is like, as graft’s own evaluations carry it over from BDD100K. */
        attributes: z.record(z.string(), z.string()).optional(),
        /** LVIS’s: categories of which people have said that they are not in the image. */
        neg_category_ids: z.array(z.int()).optional(),
      }),
    )
    .min(1),
  categories: z.array(z.object({ id: z.int(), name: z.string().max(256) })).min(1),
  annotations: z.array(CocoAnnotation),
});
export type CocoGroundTruth = z.infer<typeof CocoGroundTruth>;

/** The ground truth of an evaluation of graft’s own: pictures have their names and sides. */
export const NamedGroundTruth = CocoGroundTruth.extend({
  images: z.array(z.object({ id: Id, file_name: z.string(), width: z.int().positive(), height: z.int().positive() })),
});
export type NamedGroundTruth = z.infer<typeof NamedGroundTruth>;

export const CocoResult = z.object({ image_id: Id, category_id: z.int(), bbox: Box, score: z.number() });
export type CocoResult = z.infer<typeof CocoResult>;
export const CocoResults = z.array(CocoResult);

/** Open Images’ hierarchy of classes, as it is published; `Part` and other keys play no part. */
export interface LabelTree {
  LabelName: string;
  Subcategory?: LabelTree[] | undefined;
}
export const LabelTree: z.ZodType<LabelTree> = z.lazy(() =>
  z.object({ LabelName: z.string(), Subcategory: z.array(LabelTree).optional() }),
);
