import { z } from 'zod';

/** `promote.gate` of graft.yaml: what a model must show before it may take the alias. */
const share = z.number().min(0).max(1);
const confidence = (value: number) =>
  z
    .number()
    .gt(0.5)
    .lt(1)
    .default(value)
    .describe('How sure it must be: 0.96 lets chance through at most 4 times in 100.');

export const GatedMetric = z.enum(['accuracy', 'top5', 'macroF1', 'macroPrecision', 'macroRecall', 'mAP', 'mAP50']);
export type GatedMetric = z.infer<typeof GatedMetric>;

export const ImprovementConfig = z.strictObject({
  metric: z
    .enum(['accuracy', 'macroF1', 'mAP', 'mAP50'])
    .default('accuracy')
    .describe('What must have improved; mAP and mAP50 of a detector.'),
  margin: z
    .number()
    .min(-1)
    .max(1)
    .default(0)
    .describe('The lower bound of the change must lie above it; below 0: not worse by more than this.'),
  confidence: confidence(0.96),
  resamples: z.int().min(200).max(100_000).default(1000).describe('Test sets drawn by the paired bootstrap.'),
});
export type ImprovementConfig = z.infer<typeof ImprovementConfig>;

export const ClassFallConfig = z.strictObject({
  mayFall: share.default(0.05).describe('How much the share of right answers may fall.'),
  confidence: confidence(0.95),
});
export type ClassFallConfig = z.infer<typeof ClassFallConfig>;

export const SliceFallConfig = ClassFallConfig.extend({
  by: z
    .string()
    .min(1)
    .describe('Regular expression over the relative path whose first group names the slice, e.g. (day|night).'),
});
export type SliceFallConfig = z.infer<typeof SliceFallConfig>;

export const LimitsConfig = z.strictObject({
  sizeMb: z.number().positive().nullable().default(null).describe('Largest weights file, in MB of 10^6 bytes.'),
  latencyMs: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('Longest time for one image, median of many, measured on the machine that decides.'),
});
export type LimitsConfig = z.infer<typeof LimitsConfig>;

export const GateConfig = z.strictObject({
  minimum: z.partialRecord(GatedMetric, share).default({}).describe('Floors on the test set, e.g. accuracy: 0.9.'),
  noWorseThanChampion: z
    .partialRecord(GatedMetric, share)
    .default({ accuracy: 0 })
    .describe('How much a metric may fall below the champion’s, both scored on the same test set.'),
  betterThanChampion: ImprovementConfig.nullable()
    .prefault({})
    .describe('Promote only what is better beyond the noise of the test set; null: noWorseThanChampion alone decides.'),
  noClassWorse: ClassFallConfig.nullable()
    .prefault({})
    .describe('No class may fall behind the champion beyond chance; null: classes are not looked at.'),
  noSliceWorse: SliceFallConfig.nullable()
    .default(null)
    .describe('The same for slices of the test set, named by the paths of its images.'),
  limits: LimitsConfig.prefault({}).describe('What the model may cost where it is used.'),
  allowClassMapChange: z.boolean().default(false).describe('Promote although the champion knows other classes.'),
});
export type GateConfig = z.infer<typeof GateConfig>;
