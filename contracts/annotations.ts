import { z } from 'zod';
import type { Box as BoxShape, ItemAnnotations } from '../core/dataset/annotations.ts';

/** Which side of the split something is on. */
export const Side = z.enum(['train', 'validation', 'test']);
export type Side = z.infer<typeof Side>;

/** What is learnt: labels of whole pictures, or boxes. */
export const Task = z.enum(['classification', 'detection']);
export type Task = z.infer<typeof Task>;

/** A labelled rectangle in pixels of the upright image, as edges: core/dataset/annotations.ts says what each key means. */
export const Box = z.object({
  label: z.string(),
  xMin: z.number(),
  yMin: z.number(),
  xMax: z.number(),
  yMax: z.number(),
  crowd: z.boolean().optional(),
  difficult: z.boolean().optional(),
  groupOf: z.boolean().optional(),
  truncated: z.boolean().optional(),
  occluded: z.boolean().optional(),
  area: z.number().min(0).optional(),
}) satisfies z.ZodType<BoxShape>;
export type Box = z.infer<typeof Box>;

/** The optional keys of DatasetItem: absent where nothing is known, `boxes: []` where a picture shows none. */
export const annotationFields = {
  boxes: z.array(Box).optional(),
  /** Several labels of the whole picture; `label` is the first of them. */
  labels: z.array(z.string()).optional(),
  /** Classes that were looked for and are not there. */
  negatives: z.array(z.string()).optional(),
  attributes: z.record(z.string(), z.string()).optional(),
  /** The side that the data set's maker put it on. */
  side: Side.optional(),
  /** Items of one group stay on one side of the split. */
  group: z.string().optional(),
} satisfies Record<keyof ItemAnnotations, z.ZodType>;
