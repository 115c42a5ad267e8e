import * as tf from '@tensorflow/tfjs';
import type { ModelDescription } from '../../contracts/manifests.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { unwrap } from '../../core/result.ts';
import { imageBatch } from './images.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { floatsOf, inferenceContext, loadParameters, TensorStore } from './parameters.ts';

/** A trained model in memory. */
export interface LoadedModel {
  /** uint8 rows of `shape` → logits, row-major [batch × classes]. */
  logits(bytes: Uint8Array, batch: number, shape: readonly number[]): Float32Array;
  dispose(): void;
}

/** Loads the weights of a model version or of a finished training. NORMALIZATION_MISMATCH, MODEL_WEIGHTS, MODEL_FORMAT. */
export async function loadModel(description: ModelDescription, weightsPath: string): Promise<LoadedModel> {
  const model = buildModel({ ...description, strategy: 'full' }, 1);
  unwrap(checkPreprocessing(model.backbone, description.normalization, weightsPath));
  const parameters = new TensorStore();
  const { tensors } = await readSafetensorsFile(weightsPath);
  loadParameters(parameters, model.all, tensors, '', weightsPath);
  return {
    logits: (bytes, batch, shape) => forward(model, parameters, bytes, batch, shape),
    dispose: () => {
      parameters.dispose();
    },
  };
}

function forward(
  model: Model,
  parameters: TensorStore,
  bytes: Uint8Array,
  batch: number,
  shape: readonly number[],
): Float32Array {
  const logits = tf.tidy(() => {
    const images = imageBatch(bytes, batch, shape, model.backbone.preprocessing);
    return applyBlocks(model.blocks, 0, model.blocks.length, images, inferenceContext(parameters));
  });
  const values = floatsOf(logits);
  logits.dispose();
  return values;
}
