/** The only entry of the workflow bundle. */
export { retrainWorkflow } from './retrain.ts';
