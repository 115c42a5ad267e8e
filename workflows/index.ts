/** The only entry of the workflow bundle. */
export { retrainWorkflow } from './retrain.ts';
export { sweepWorkflow } from './sweep.ts';
