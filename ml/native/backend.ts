import * as tf from '@tensorflow/tfjs';

/** An attribute of an operation, as the addon takes it. */
export interface Attribute {
  readonly name: string;
  /** One of the binding's TF_ATTR_ numbers. */
  readonly type: number;
  readonly value: string | boolean | number | readonly number[] | readonly boolean[];
}

/** A tensor that lives in TensorFlow; `dtype` is TensorFlow's number of the element type. */
export interface TensorHandle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** What tfjs-node's addon offers (binding/tfjs_binding.cc of @tensorflow/tfjs-node), as far as graft uses it. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_UINT8: number;
  readonly TF_STRING: number;
  /** Strings are byte arrays. Shares the array's memory with TensorFlow where it is aligned: it must not change while the tensor is in use. */
  createTensor(shape: readonly number[], dtype: number, values: TypedArray | readonly Uint8Array[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TypedArray;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): TensorHandle[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** Names are comma-separated lists of `operation:output`. Holds the thread until the run is done. */
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorHandle[];
}

interface TensorInfo {
  id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
  /** Values that have not been handed to TensorFlow yet. */
  values: TypedArray | null;
}

/** The part of tfjs-node's backend (dist/nodejs_kernel_backend.d.ts) that is used here. */
export interface NativeBackend {
  binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): TensorInfo };
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
  /** Wraps a handle as a tensor of tfjs, which then owns it. */
  createOutputTensor(handle: TensorHandle): tf.Tensor;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  /** Tensors that the addon holds, in use by tfjs or not. */
  getNumOfTFTensors(): number;
}

export const NATIVE_BACKEND = 'tensorflow';

/** Whether tfjs computes with native TensorFlow (tfjs-node, CPU or GPU). */
export function isNative(): boolean {
  return tf.getBackend() === NATIVE_BACKEND;
}

/** tfjs-node's backend. Throws where another one computes. */
export function nativeBackend(): NativeBackend {
  const backend: unknown = tf.backend();
  if (!isNativeBackend(backend)) throw new Error(`the ${tf.getBackend()} backend runs no native operations`);
  return backend;
}

function isNativeBackend(backend: unknown): backend is NativeBackend {
  return (
    typeof backend === 'object' &&
    backend !== null &&
    'binding' in backend &&
    'tensorMap' in backend &&
    'executeMultipleOutputs' in backend &&
    typeof backend.executeMultipleOutputs === 'function'
  );
}
