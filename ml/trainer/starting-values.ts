import type { ModelDescription } from '../../contracts/manifests.ts';
import { createBackbone } from '../backbones/index.ts';
import { initialize } from '../nn/initialize.ts';
import type { ParamSpec } from '../nn/module.ts';
import { loadBackboneWeights } from '../weights/load.ts';

/** What these parameters start with: a file's values for those of the backbone, else drawn at the parameter's own address. */
export async function startingValues(
  specs: readonly ParamSpec[],
  from: {
    readonly model: Pick<ModelDescription, 'backbone'>;
    readonly weightsPath: string | null;
    readonly seed: number;
  },
): Promise<ReadonlyMap<string, Float32Array>> {
  const values = initialize(specs, from.seed);
  if (from.weightsPath === null) return values;
  const pretrained = await loadBackboneWeights(createBackbone(from.model.backbone), from.weightsPath);
  for (const [name, value] of pretrained) if (values.has(name)) values.set(name, value);
  return values;
}
