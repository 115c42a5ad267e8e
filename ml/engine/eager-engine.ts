import * as tf from '@tensorflow/tfjs';
import { updateEagerly } from './rules.ts';
import { NotFinite } from './spec.ts';
import type {
  Engine,
  EngineSpec,
  InputSpec,
  InputValues,
  Output,
  Program,
  ProgramState,
  StateShapes,
  Update,
} from './spec.ts';
import type { TypedArray } from '../native/backend.ts';

/** Runs programs operation by operation, on any backend: the fallback, and what the compiled engine is tested against. */
export function eagerEngine(spec: EngineSpec): Engine {
  return new EagerEngine(spec);
}

class EagerEngine implements Engine {
  readonly kind = 'eager';
  readonly shapes: StateShapes;
  private readonly spec: EngineSpec;
  private readonly values = new Map<string, tf.Tensor>();

  constructor(spec: EngineSpec) {
    this.spec = spec;
    this.shapes = spec.state;
  }

  run(name: string, inputs: InputValues): ReadonlyMap<string, Output> {
    const program = this.spec.programs[name];
    if (!program) throw new Error(`no program ${name}`);
    const written = new Map<string, tf.Tensor>();
    const results = new Map<string, Output>();
    try {
      this.runTidy(program, name, inputs, written, results);
    } catch (error) {
      for (const tensor of written.values()) tensor.dispose();
      throw error;
    }
    for (const [variable, tensor] of written) this.replace(variable, tensor);
    return results;
  }

  private runTidy(
    program: Program,
    name: string,
    inputs: InputValues,
    written: Map<string, tf.Tensor>,
    results: Map<string, Output>,
  ): void {
    tf.tidy(() => {
      const tensors = Object.entries(program.inputs).map(([key, spec]): [string, tf.Tensor] => {
        const given = inputs[key];
        if (!given) throw new Error(`${name}: no input ${key}`);
        return [key, tensorOf(given, spec)];
      });
      const outputs = program.run(Object.fromEntries(tensors), new EagerState(this.values, written));
      for (const [key, tensor] of Object.entries(outputs))
        results.set(key, { shape: tensor.shape, values: valuesOf(tensor) });
    });
  }

  read(names: Iterable<string>): ReadonlyMap<string, Float32Array> {
    return new Map([...names].map((name) => [name, valuesOf(valueOf(this.values, name)).slice()]));
  }

  write(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, each] of values) {
      this.replace(name, tf.tensor(each.slice(), [...shapeOf(this.spec.state, name)], 'float32'));
    }
  }

  tensorCount(): number {
    return tf.memory().numTensors;
  }

  dispose(): void {
    for (const tensor of this.values.values()) tensor.dispose();
    this.values.clear();
  }

  private replace(name: string, tensor: tf.Tensor): void {
    this.values.get(name)?.dispose();
    this.values.set(name, tf.keep(tensor));
  }
}

class EagerState implements ProgramState {
  private readonly before: ReadonlyMap<string, tf.Tensor>;
  private readonly after: Map<string, tf.Tensor>;

  constructor(before: ReadonlyMap<string, tf.Tensor>, after: Map<string, tf.Tensor>) {
    this.before = before;
    this.after = after;
  }

  get(name: string): tf.Tensor {
    return valueOf(this.before, name).clone();
  }

  /** Kept past whatever tidy it was made in. */
  set(name: string, value: tf.Tensor): void {
    this.after.get(name)?.dispose();
    this.after.set(name, tf.keep(value.clone()));
  }

  apply({ rule, variable, slots, gradient, rate, shrink, momentum }: Update): void {
    const before = this.get(variable);
    const value = shrink ? before.mul(shrink) : before;
    const slot = (name: string): tf.Tensor => this.get(slots[name] ?? '');
    const updated = updateEagerly(rule, { value, gradient, rate, slot, momentum });
    this.set(variable, updated.value);
    for (const [name, tensor] of Object.entries(updated.slots)) this.set(slots[name] ?? '', tensor);
  }

  guardFinite(value: tf.Tensor): void {
    const [seen = Number.NaN] = value.dataSync();
    if (!Number.isFinite(seen)) throw new NotFinite(seen);
  }

  average(average: string, of: string, decay: tf.Tensor): void {
    const now = this.after.get(of) ?? this.get(of);
    const before = this.get(average);
    this.set(average, before.sub(before.sub(now).mul(tf.sub(1, decay))));
  }
}

function valueOf(values: ReadonlyMap<string, tf.Tensor>, name: string): tf.Tensor {
  const tensor = values.get(name);
  if (!tensor) throw new Error(`variable ${name} has not been written`);
  return tensor;
}

function shapeOf(state: StateShapes, name: string): readonly number[] {
  const shape = state.get(name);
  if (!shape) throw new Error(`no variable ${name}`);
  return shape;
}

function tensorOf(values: TypedArray, { shape, dtype }: InputSpec): tf.Tensor {
  // tfjs has no uint8; a copy, because tfjs may hold on to what it is given.
  if (dtype === 'int32') return tf.tensor(Int32Array.from(values), [...shape], 'int32');
  return tf.tensor(Float32Array.from(values), [...shape], 'float32');
}

function valuesOf(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
