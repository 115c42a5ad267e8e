import * as tf from '@tensorflow/tfjs';
import { nativeBackend } from '../native/backend.ts';
import type { Attribute, Binding, NativeBackend, TensorHandle, TypedArray } from '../native/backend.ts';
import { shapeRules } from './shape-rules.ts';
import type { Meta } from './shape-rules.ts';
import type { InputSpec, Program, ProgramState, StateShapes, Update } from './spec.ts';

/** Where a value in a recorded program comes from. */
export type Ref =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'state'; readonly name: string }
  | { readonly kind: 'constant'; readonly index: number }
  | { readonly kind: 'operation'; readonly index: number; readonly output: number };

export interface RecordedOperation {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly inputs: readonly Ref[];
  /** Of the inputs, in their order. */
  readonly inputShapes: readonly (readonly number[])[];
  readonly outputShapes: readonly (readonly number[])[];
}

export interface RecordedConstant extends Meta {
  readonly values: TypedArray;
}

export interface RecordedOutput extends Meta {
  readonly ref: Ref;
}

export type RecordedWrite =
  | { readonly kind: 'assign'; readonly variable: string; readonly value: Ref }
  | ({
      readonly kind: 'apply';
      readonly gradient: Ref;
      readonly rate: Ref;
      readonly shrink: Ref | null;
      readonly momentum?: Ref;
    } & Pick<Update, 'rule' | 'variable' | 'slots'>)
  | { readonly kind: 'average'; readonly average: string; readonly of: string; readonly decay: Ref };

/** A program as data: what it does, without what it was run on. */
export interface Recording {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly operations: readonly RecordedOperation[];
  readonly constants: readonly RecordedConstant[];
  readonly outputs: ReadonlyMap<string, RecordedOutput>;
  readonly writes: readonly RecordedWrite[];
  /** Scalars that must be finite before anything is written. */
  readonly guards: readonly Ref[];
}

/** The step did something that can't be part of a graph. */
export class RecordingError extends Error {}

/**
 * Runs a program once while the native binding is a recorder. Tensors have shapes but no values, so nothing is computed
 * but what `shapeRules` does not know, and that on zeros.
 */
export function record(program: Program, state: StateShapes): Recording {
  const backend = nativeBackend();
  const recorder = new Recorder(backend, program, state);
  const { binding } = backend;
  backend.binding = recorder.binding(binding);
  try {
    return recorder.run();
  } finally {
    backend.binding = binding;
  }
}

interface Known extends Meta {
  readonly ref: Ref;
  /** Whether TensorFlow holds values under this id. */
  readonly real: boolean;
}

class Recorder {
  private readonly known = new Map<number, Known>();
  private readonly operations: RecordedOperation[] = [];
  private readonly constants: RecordedConstant[] = [];
  private readonly writes: RecordedWrite[] = [];
  private readonly guards: Ref[] = [];
  /** Variables that may not be written any more. */
  private readonly settled = new Set<string>();
  private nextId = -1;
  private readonly backend: NativeBackend;
  private readonly program: Program;
  private readonly state: StateShapes;
  private readonly native: Binding;

  constructor(backend: NativeBackend, program: Program, state: StateShapes) {
    this.backend = backend;
    this.native = backend.binding;
    this.program = program;
    this.state = state;
  }

  run(): Recording {
    const outputs = new Map<string, RecordedOutput>();
    tf.tidy(() => {
      const inputs = Object.fromEntries(
        Object.entries(this.program.inputs).map(([name, spec]) => [name, this.inputTensor(name, spec)]),
      );
      for (const [name, tensor] of Object.entries(this.program.run(inputs, this.programState()))) {
        const { ref, shape, dtype } = this.knownOf(tensor, `output ${name}`);
        outputs.set(name, { ref, shape, dtype });
      }
    });
    const { operations, constants, writes, guards } = this;
    return { inputs: this.program.inputs, operations, constants, outputs, writes, guards };
  }

  /** The binding that tfjs-node sees: the native object's properties are read-only, so it is a new one. */
  binding(native: Binding): Binding {
    const names = [...Object.getOwnPropertyNames(native), ...Object.getOwnPropertyNames(Object.getPrototypeOf(native))];
    const rest = names.map((name): [string, unknown] => {
      const value: unknown = Reflect.get(native, name);
      return [name, typeof value === 'function' ? value.bind(native) : value];
    });
    return {
      ...(Object.fromEntries(rest) as unknown as Binding),
      createTensor: (shape, dtype, values) => this.createTensor(shape, dtype, values),
      deleteTensor: (id) => {
        if (id > 0 || this.known.get(id)?.real === true) native.deleteTensor(id);
      },
      tensorDataSync: (id) => this.read(id),
      executeOp: (name, attributes, inputs, outputs) => this.execute(name, attributes, inputs, outputs),
    };
  }

  private programState(): ProgramState {
    return {
      get: (name) => this.stateTensor(name),
      set: (name, value) => {
        this.writes.push({ kind: 'assign', variable: this.target(name), value: this.refOf(value, `new ${name}`) });
      },
      apply: ({ rule, variable, slots, gradient, rate, shrink, momentum }) => {
        for (const name of [variable, ...Object.values(slots)]) this.target(name);
        this.writes.push({
          ...{ kind: 'apply', rule, variable, slots },
          gradient: this.refOf(gradient, `gradient of ${variable}`),
          rate: this.refOf(rate, `rate of ${variable}`),
          shrink: shrink && this.refOf(shrink, `decay of ${variable}`),
          ...(momentum ? { momentum: this.refOf(momentum, `momentum of ${variable}`) } : {}),
        });
      },
      guardFinite: (value) => {
        this.guards.push(this.refOf(value, 'guarded value'));
      },
      average: (average, of, decay) => {
        const names = { average: this.target(average), of: this.variable(of) };
        this.settled.add(of);
        this.writes.push({ kind: 'average', ...names, decay: this.refOf(decay, `decay of ${average}`) });
      },
    };
  }

  private variable(name: string): string {
    if (!this.state.has(name)) throw new RecordingError(`no variable ${name}`);
    return name;
  }

  private target(name: string): string {
    if (this.settled.has(name)) throw new RecordingError(`${name} is written twice, or after its average was taken`);
    this.settled.add(name);
    return this.variable(name);
  }

  /** A tensor each time: an earlier one went with the tidy that it was asked for in. */
  private stateTensor(name: string): tf.Tensor {
    const shape = this.state.get(this.variable(name)) ?? [];
    return this.virtualTensor(shape, this.native.TF_FLOAT, { kind: 'state', name });
  }

  private inputTensor(name: string, { shape, dtype }: InputSpec): tf.Tensor {
    return this.virtualTensor(shape, dtype === 'int32' ? this.native.TF_INT32 : this.native.TF_FLOAT, {
      kind: 'input',
      name,
    });
  }

  private virtualTensor(shape: readonly number[], dtype: number, ref: Ref): tf.Tensor {
    return this.backend.createOutputTensor(this.virtual(shape, dtype, ref));
  }

  private virtual(shape: readonly number[], dtype: number, ref: Ref): TensorHandle {
    const id = this.nextId--;
    this.known.set(id, { shape, dtype, ref, real: false });
    return { id, shape, dtype };
  }

  private createTensor(shape: readonly number[], dtype: number, values: TypedArray | readonly Uint8Array[]): number {
    if (!isNumbers(values)) throw new RecordingError('a program can’t make tensors of strings');
    const id = this.native.createTensor(shape, dtype, values);
    this.known.set(id, { shape, dtype, ref: { kind: 'constant', index: this.constants.length }, real: true });
    this.constants.push({ shape, dtype, values: values.slice() });
    return id;
  }

  private read(id: number): TypedArray {
    const known = this.known.get(id);
    if (known?.ref.kind === 'constant') return this.native.tensorDataSync(id);
    throw new RecordingError('a program read the values of a tensor, which differ from run to run');
  }

  private execute(
    name: string,
    attributes: readonly Attribute[],
    ids: readonly number[],
    count: number,
  ): TensorHandle[] {
    const inputs = ids.map((id) => this.knownAt(id, `${name} (operation ${this.operations.length})`));
    const index = this.operations.length;
    const constant = (at: number): readonly number[] => {
      const ref = inputs[at]?.ref;
      const values = ref?.kind === 'constant' ? this.constants[ref.index]?.values : undefined;
      if (!values) throw new RecordingError(`${name}: input ${at} is not a constant`);
      return [...values];
    };
    const shapes = shapeRules[name]?.({ inputs, attributes, constant });
    const dtype = inputs.find((input) => input.dtype === this.native.TF_FLOAT)?.dtype ?? inputs[0]?.dtype;
    const push = (outputShapes: readonly (readonly number[])[]): void => {
      const inputShapes = inputs.map(({ shape }) => shape);
      this.operations.push({ name, attributes, inputs: inputs.map(({ ref }) => ref), inputShapes, outputShapes });
    };
    if (shapes && dtype !== undefined) {
      push(shapes);
      return shapes.map((shape, output) => this.virtual(shape, dtype, { kind: 'operation', index, output }));
    }
    const handles = this.onZeros(name, attributes, ids, count);
    push(handles.map(({ shape }) => shape));
    return handles.map((handle, output) => {
      this.known.set(handle.id, { ...handle, ref: { kind: 'operation', index, output }, real: true });
      return handle;
    });
  }

  private onZeros(
    name: string,
    attributes: readonly Attribute[],
    ids: readonly number[],
    count: number,
  ): TensorHandle[] {
    const made: number[] = [];
    const real = (id: number): number => {
      const { shape, dtype, real: hasValues } = this.knownAt(id, name);
      if (hasValues) return id;
      const zeros = this.native.createTensor(shape, dtype, this.zeros(shape, dtype));
      made.push(zeros);
      return zeros;
    };
    try {
      return this.native.executeOp(name, attributes, ids.map(real), count);
    } finally {
      for (const id of made) this.native.deleteTensor(id);
    }
  }

  private zeros(shape: readonly number[], dtype: number): TypedArray {
    const size = shape.reduce((product, side) => product * side, 1);
    if (dtype === this.native.TF_FLOAT) return new Float32Array(size);
    return dtype === this.native.TF_BOOL ? new Uint8Array(size) : new Int32Array(size);
  }

  private refOf(tensor: tf.Tensor, what: string): Ref {
    return this.knownOf(tensor, what).ref;
  }

  private knownOf(tensor: tf.Tensor, what: string): Known {
    const [id = 0] = this.backend.getInputTensorIds([tensor]);
    return this.knownAt(id, what);
  }

  private knownAt(id: number, what: string): Known {
    const known = this.known.get(id);
    if (!known) throw new RecordingError(`${what} takes a tensor from outside: make it an input or a variable`);
    return known;
  }
}

function isNumbers(values: TypedArray | readonly Uint8Array[]): values is TypedArray {
  return ArrayBuffer.isView(values);
}

export function bytesOf(values: TypedArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
