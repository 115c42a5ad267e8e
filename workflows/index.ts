/** The only entry of the workflow bundle. */
export { changeAliasWorkflow } from './change-alias.ts';
export { importDatasetWorkflow } from './import-dataset.ts';
export { retrainWorkflow } from './retrain.ts';
export { sweepWorkflow } from './sweep.ts';
export { notifyWorkflow } from './notify.ts';
export { scheduledRetrainWorkflow } from './scheduled-retrain.ts';
export { watchModelWorkflow } from './watch-model.ts';
