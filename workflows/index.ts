/** The only entry of the workflow bundle. */
export { changeAliasWorkflow } from './change-alias.ts';
export { retrainWorkflow } from './retrain.ts';
