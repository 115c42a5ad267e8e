import { z } from 'zod';
import { Task } from './annotations.ts';
import { Finding, IngestOutput, RunIdField, ValidateOutput } from './manifests.ts';
import { BackboneId, DatasetConfig, ImageConfig } from './pipeline-config.ts';

/** What reads a data set into the store without a run: `graft data import`. */
export const DataImportInput = z.object({
  importId: RunIdField,
  datasetName: z.string(),
  dataset: DatasetConfig,
  /** `auto`: what the format is made for. */
  task: z.union([Task, z.literal('auto')]),
  /** How a run would render it: boxes that vanish are reckoned from it. */
  image: ImageConfig,
  backbone: BackboneId,
  requestedBy: z.string(),
});
export type DataImportInput = z.infer<typeof DataImportInput>;

export const DataImportResult = IngestOutput.pick({ version: true, manifestKey: true, images: true, quarantined: true })
  .extend(IngestOutput.pick({ classes: true, quarantine: true }).shape)
  .extend(ValidateOutput.pick({ report: true, page: true }).shape)
  .extend({
    name: z.string(),
    /** Whether nothing had to be read: the same files were imported, or trained on, before. */
    cached: z.boolean(),
    findings: z.array(Finding),
  });
export type DataImportResult = z.infer<typeof DataImportResult>;
