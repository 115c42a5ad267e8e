import * as tf from '@tensorflow/tfjs';
import { asFloat32, elementCount, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../core/errors.ts';
import type { ApplyContext, ParamSpec } from '../nn/module.ts';

/** Named tensors that outlive a step: a model's parameters, or an optimizer's slots. Owns what it holds. */
export class TensorStore {
  private readonly tensors = new Map<string, tf.Tensor>();

  get(name: string): tf.Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no tensor named ${name}`);
    return tensor;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Takes `tensor` over and disposes of what was there. */
  set(name: string, tensor: tf.Tensor): void {
    this.tensors.get(name)?.dispose();
    this.tensors.set(name, tf.keep(tensor));
  }

  load(name: string, values: Float32Array, shape: readonly number[]): void {
    this.set(name, tf.tensor(values, [...shape], 'float32'));
  }

  /** Float32 bytes of every tensor as it is now, under `prefix` + name. */
  read(prefix = '', names: Iterable<string> = this.tensors.keys()): Map<string, TensorData> {
    const out = new Map<string, TensorData>();
    for (const name of names) {
      const tensor = this.get(name);
      out.set(prefix + name, float32Tensor(floatsOf(tensor), tensor.shape));
    }
    return out;
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  dispose(names: readonly string[] = this.names()): void {
    for (const name of names) {
      this.tensors.get(name)?.dispose();
      this.tensors.delete(name);
    }
  }
}

/** A tensor's values. Native TensorFlow gives out a copy, and tensors never change in place: nothing more need be copied. */
export function floatsOf(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync();
  return values instanceof Float32Array ? values : new Float32Array(values);
}

/** Loads `specs` from tensors named `prefix` + name; every one must be there with its shape (MODEL_WEIGHTS). */
export function loadParameters(
  store: TensorStore,
  specs: readonly ParamSpec[],
  tensors: ReadonlyMap<string, TensorData>,
  prefix: string,
  where: string,
): void {
  for (const spec of specs) {
    const tensor = tensors.get(prefix + spec.name);
    const seen = tensor ? `[${tensor.shape.join(', ')}]` : 'absent';
    if (!tensor || tensor.shape.join() !== spec.shape.join()) {
      const expected = `${prefix}${spec.name} of shape [${spec.shape.join(', ')}]`;
      throw inputError('MODEL_WEIGHTS', where, seen, expected, 'use weights that were made for this model');
    }
    store.load(spec.name, asFloat32(tensor), spec.shape);
  }
}

/** Loads values by name as they come from `initialize` or a weights file. */
export function loadValues(
  store: TensorStore,
  specs: readonly ParamSpec[],
  values: ReadonlyMap<string, Float32Array>,
): void {
  for (const spec of specs) {
    const value = values.get(spec.name);
    if (!value || value.length !== elementCount(spec.shape)) throw new Error(`no value for ${spec.name}`);
    store.load(spec.name, value, spec.shape);
  }
}

/** A context for inference: no dropout, stored statistics, nothing written. */
export function inferenceContext(store: TensorStore): ApplyContext {
  return {
    param: (name) => store.get(name),
    training: false,
    isFrozen: () => true,
    setStatistic: (name) => {
      throw new Error(`statistic ${name} written in inference`);
    },
    dropoutSeed: () => 0,
  };
}
