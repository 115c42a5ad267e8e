import type { ModelDescription } from '../../contracts/manifests.ts';
import { unwrap } from '../../core/result.ts';
import { createEngine } from '../engine/index.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { inferPadded } from './learner.ts';
import { buildModel } from './model.ts';
import { parameterValues } from './parameters.ts';
import { inferProgram, variable } from './programs.ts';

/** A trained model in memory. */
export interface LoadedModel {
  /** uint8 rows of the model's image shape → logits, row-major [rows × classes]; at most `batchSize` rows. */
  logits(bytes: Uint8Array, rows: number): Float32Array;
  dispose(): void;
}

export interface LoadOptions {
  readonly batchSize: number;
  /** [height, width, channels] of a row. */
  readonly shape: readonly number[];
  readonly scratchDir: string;
}

/** Loads the weights of a model version or of a finished training. NORMALIZATION_MISMATCH, MODEL_WEIGHTS, MODEL_FORMAT. */
export async function loadModel(
  description: ModelDescription,
  weightsPath: string,
  { batchSize, shape, scratchDir }: LoadOptions,
): Promise<LoadedModel> {
  const model = buildModel({ ...description, strategy: 'full' }, 1);
  unwrap(checkPreprocessing(model.backbone, description.normalization, weightsPath));
  const { tensors } = await readSafetensorsFile(weightsPath);
  const values = parameterValues(model.all, tensors, weightsPath);
  const state = new Map(model.all.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const infer = inferProgram(model, { kind: 'pixels', shape }, batchSize, false);
  const engine = await createEngine({ state, programs: { infer } }, scratchDir);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  return {
    logits: (bytes, rows) => inferPadded(engine, bytes, rows, batchSize),
    dispose: () => {
      engine.dispose();
    },
  };
}
