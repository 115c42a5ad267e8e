import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import type { StateShapes } from '../engine/index.ts';
import type { ParamSpec } from '../nn/module.ts';

/** The tensors of `wanted`; every one must be there with its shape (MODEL_WEIGHTS). */
export function checkedValues(
  wanted: StateShapes,
  tensors: ReadonlyMap<string, TensorData>,
  where: string,
): Map<string, TensorData> {
  const found = new Map<string, TensorData>();
  for (const [name, shape] of wanted) {
    const tensor = tensors.get(name);
    const seen = tensor ? `[${tensor.shape.join(', ')}]` : 'absent';
    if (!tensor || tensor.shape.join() !== shape.join()) {
      const expected = `${name} of shape [${shape.join(', ')}]`;
      throw inputError('MODEL_WEIGHTS', where, seen, expected, 'use weights that were made for this model');
    }
    found.set(name, tensor);
  }
  return found;
}

/** A model's parameters from a file's tensors, by name (MODEL_WEIGHTS). */
export function parameterValues(
  specs: readonly ParamSpec[],
  tensors: ReadonlyMap<string, TensorData>,
  where: string,
): Map<string, Float32Array> {
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  return new Map([...checkedValues(shapes, tensors, where)].map(([name, data]) => [name, asFloat32(data)]));
}
