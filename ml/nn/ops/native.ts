import type * as tf from '@tensorflow/tfjs';
import { nativeBackend } from '../../native/backend.ts';
import type { Attribute, Binding } from '../../native/backend.ts';

export { isNative, NATIVE_BACKEND } from '../../native/backend.ts';

/** Attributes of an operation besides its element type, which is float32 here. */
export interface NativeAttributes {
  readonly strings?: Readonly<Record<string, string>>;
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly bools?: Readonly<Record<string, boolean>>;
  /** Attributes that name element types that are int32. */
  readonly intTypes?: readonly string[];
  /** Attributes that name element types, all float32; `['T']` when left out. */
  readonly floatTypes?: readonly string[];
}

/** Runs one TensorFlow operation by its own name (tensorflow/core/ops) on float32 inputs. Only where `isNative()`. */
export function runNative(
  name: string,
  inputs: readonly tf.TensorInfo[],
  attributes: NativeAttributes,
  outputs: number,
): tf.Tensor[] {
  const backend = nativeBackend();
  return backend.executeMultipleOutputs(name, toList(attributes, backend.binding), inputs, outputs);
}

/** As `runNative`, for an operation with one output. */
export function runNativeOne(
  name: string,
  inputs: readonly tf.TensorInfo[],
  attributes: NativeAttributes = {},
): tf.Tensor {
  const [output] = runNative(name, inputs, attributes, 1);
  if (output === undefined) throw new Error(`${name} gave no output`);
  return output;
}

/** Of tensorflow/core/framework/types.proto; the numbers of element types are part of the file format. */
const DT_INT32 = 3;

function toList(attributes: NativeAttributes, binding: Binding): Attribute[] {
  const { strings = {}, ints = {}, floats = {}, bools = {}, intTypes = [], floatTypes = ['T'] } = attributes;
  return [
    ...floatTypes.map((name) => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT })),
    ...intTypes.map((name) => ({ name, type: binding.TF_ATTR_TYPE, value: DT_INT32 })),
    ...Object.entries(strings).map(([name, value]) => ({ name, type: binding.TF_ATTR_STRING, value })),
    ...Object.entries(ints).map(([name, value]) => ({ name, type: binding.TF_ATTR_INT, value })),
    ...Object.entries(floats).map(([name, value]) => ({ name, type: binding.TF_ATTR_FLOAT, value })),
    ...Object.entries(bools).map(([name, value]) => ({ name, type: binding.TF_ATTR_BOOL, value })),
  ];
}
