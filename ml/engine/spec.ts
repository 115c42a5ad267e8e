import type * as tf from '@tensorflow/tfjs';
import type { TypedArray } from '../native/backend.ts';
import type { Rule } from './rules.ts';

/** A value that a program takes anew at each run. `uint8` reaches the program as float32 0–255. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'uint8';
}

/** Named float32 variables that live on from run to run, with their shapes. */
export type StateShapes = ReadonlyMap<string, readonly number[]>;

/** One step of an optimizer on one variable. */
export interface Update {
  readonly rule: Rule;
  readonly variable: string;
  /** The variable that each of the rule's slots lives in. */
  readonly slots: Readonly<Record<string, string>>;
  readonly gradient: tf.Tensor;
  /** Scalar: the learning rate, with what the rule does about the first steps (`hostRate`). */
  readonly rate: tf.Tensor;
  /** Scalar that the variable is multiplied with before the update (decoupled weight decay); null for none. */
  readonly shrink: tf.Tensor | null;
  /** Scalar in place of the rule's own momentum, or of Adam's β1; absent where the rule's holds. */
  readonly momentum?: tf.Tensor | undefined;
}

/**
 * The variables as a program sees them. Every `get` gives the value from before the run; writes take effect at its end.
 * A program writes a variable at most once, and before it takes an average of it.
 */
export interface ProgramState {
  get(name: string): tf.Tensor;
  set(name: string, value: tf.Tensor): void;
  apply(update: Update): void;
  /** Nothing is written, and the run throws `NotFinite`, unless this scalar is a finite number. */
  guardFinite(value: tf.Tensor): void;
  /** average ← decay·average + (1 − decay)·(the new value of `of`). `decay`: a scalar. */
  average(average: string, of: string, decay: tf.Tensor): void;
}

/**
 * A function of inputs and state, written with tfjs. It may be run once per shape only, and never again: so whatever
 * differs from run to run must be an input or a variable. It must not read values (`dataSync`) or draw random numbers.
 */
export interface Program {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  run(inputs: Readonly<Record<string, tf.Tensor>>, state: ProgramState): Readonly<Record<string, tf.Tensor>>;
}

/** What a program guarded against has come: no variable was touched. */
export class NotFinite extends Error {
  readonly value: number;

  constructor(value: number) {
    super(`the value is ${value}`);
    this.value = value;
  }
}

export interface EngineSpec {
  readonly state: StateShapes;
  readonly programs: Readonly<Record<string, Program>>;
}

export type InputValues = Readonly<Record<string, TypedArray>>;

/** A row-major array with its shape. */
export interface Output {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Programs over shared variables. Whoever made it disposes of it. */
export interface Engine {
  readonly kind: 'compiled' | 'eager';
  readonly shapes: StateShapes;
  /** Runs a program; every variable it reads must have been written. Values must not change during the call. */
  run(program: string, inputs: InputValues): ReadonlyMap<string, Output>;
  /** Copies of variables as they are now, row-major. */
  read(names: Iterable<string>): ReadonlyMap<string, Float32Array>;
  write(values: ReadonlyMap<string, Float32Array>): void;
  /** Native tensors that are alive, of the whole process: for tests and reports of leaks. */
  tensorCount(): number;
  dispose(): void;
}
