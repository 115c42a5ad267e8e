import * as tf from '@tensorflow/tfjs';

/** Numbers that the addon gives to the kinds of an attribute and to element types. */
interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_FLOAT: number;
}

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: string | boolean | number | readonly number[];
}

/** The part of tfjs-node's backend (dist/nodejs_kernel_backend.d.ts) that is used here. */
interface NativeBackend {
  readonly binding: Binding;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

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

export const NATIVE_BACKEND = 'tensorflow';

/** Whether tfjs computes with native TensorFlow (tfjs-node, CPU or GPU). */
export function isNative(): boolean {
  return tf.getBackend() === NATIVE_BACKEND;
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

function nativeBackend(): NativeBackend {
  const backend: unknown = tf.backend();
  if (!isNativeBackend(backend)) throw new Error(`the ${tf.getBackend()} backend runs no native operations`);
  return backend;
}

function isNativeBackend(backend: unknown): backend is NativeBackend {
  return (
    typeof backend === 'object' &&
    backend !== null &&
    'binding' in backend &&
    'executeMultipleOutputs' in backend &&
    typeof backend.executeMultipleOutputs === 'function'
  );
}
