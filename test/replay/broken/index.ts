/** The workflow with two stages swapped and the record left out: a change that runs under way could not survive. */
import { proxyActivities } from '@temporalio/workflow';
import type { SweepInput } from '../../../contracts/sweep.ts';
import type { AliasChangeInput } from '../../../contracts/alias-change.ts';
import type { AliasActivities, DataActivities } from '../../../activities/index.ts';
import type { RetrainInput } from '../../../contracts/run.ts';

const { splitDataset, ingestDataset } = proxyActivities<DataActivities>({ startToCloseTimeout: '1 minute' });

export async function retrainWorkflow({ runId, config }: RetrainInput): Promise<void> {
  await splitDataset({ datasetManifestKey: '', datasetName: config.name, split: config.dataset.split });
  await ingestDataset({ runId, dataset: config.dataset, datasetName: config.name });
}

/** A sweep that reads its data before it is recorded. */
export async function sweepWorkflow({ sweepId, base }: SweepInput): Promise<void> {
  await ingestDataset({ runId: sweepId, dataset: base.dataset, datasetName: base.name });
}

const { planAliasChange, applyAliasChange } = proxyActivities<AliasActivities>({ startToCloseTimeout: '1 minute' });

export async function changeAliasWorkflow(input: AliasChangeInput): Promise<void> {
  await applyAliasChange({ ...input, from: null, to: 1, check: '' });
  await planAliasChange(input);
}
