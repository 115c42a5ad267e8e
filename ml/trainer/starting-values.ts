import type { ModelDescription } from '../../contracts/manifests.ts';
import { createBackbone } from '../backbones/index.ts';
import { initialize } from '../nn/initialize.ts';
import type { ParamSpec } from '../nn/module.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { buildModel } from './model.ts';
import { parameterValues } from './parameters.ts';

/**
 * What these parameters start with: a file's values for those of the backbone, or of the whole model where the file holds
 * one, else drawn at the parameter's own address.
 */
export async function startingValues(
  specs: readonly ParamSpec[],
  from: {
    readonly model: ModelDescription;
    readonly weightsPath: string | null;
    readonly weightsHold?: 'backbone' | 'model' | undefined;
    readonly seed: number;
  },
): Promise<ReadonlyMap<string, Float32Array>> {
  if (from.weightsPath === null) return initialize(specs, from.seed);
  const pretrained =
    from.weightsHold === 'model'
      ? await modelWeights(from.model, from.weightsPath)
      : await loadBackboneWeights(createBackbone(from.model.backbone), from.weightsPath);
  // Each is drawn at its own address: what a file gives need not be drawn, and changes nothing of the rest.
  const drawn = initialize(
    specs.filter(({ name }) => !pretrained.has(name)),
    from.seed,
  );
  const values = new Map<string, Float32Array>();
  for (const { name } of specs) {
    const value = pretrained.get(name) ?? drawn.get(name);
    if (value) values.set(name, value);
  }
  return values;
}

/** Every parameter of a model as a training of graft's left it (MODEL_WEIGHTS). */
async function modelWeights(model: ModelDescription, path: string): Promise<Map<string, Float32Array>> {
  const { all } = buildModel({ ...model, strategy: 'full' }, 1);
  const { tensors } = await readSafetensorsFile(path);
  return parameterValues(all, tensors, path);
}
