import type { DataImportInput, DataImportResult } from '../contracts/data-import.ts';
import { dataStages } from './activity-options.ts';
import { sharesOf } from './retrain.ts';

/**
 * ingest → validate, without a run: the version that a run of the same source would read, and what its validation would
 * say. A run that follows finds both done.
 */
export async function importDatasetWorkflow(input: DataImportInput): Promise<DataImportResult> {
  const { importId, datasetName, dataset, task, image, backbone } = input;
  const reading = { runId: importId, dataset, datasetName, task };
  await Promise.all(sharesOf(dataset.workers).map((share) => dataStages.readShare({ ...reading, share })));
  const { output: read, cached } = await dataStages.ingestDataset(reading);
  const { manifestKey: datasetManifestKey, quarantined } = read;
  const checked = await dataStages.validateDataset({ datasetManifestKey, quarantined, dataset, image, backbone });
  const { dataset: name, version, images, classes, quarantine } = read;
  const { findings, report, page } = checked.output;
  return {
    ...{ name, version, manifestKey: datasetManifestKey, images, quarantined, classes, quarantine, cached, findings },
    report,
    ...(page === undefined ? {} : { page }),
  };
}
