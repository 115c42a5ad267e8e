import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { GraftError, messageOf } from '../../core/errors.ts';
import { nativeBackend } from '../native/backend.ts';
import type { Binding, TensorHandle, TypedArray } from '../native/backend.ts';
import { batchParts } from '../native/kernels.ts';
import { difference } from './difference.ts';
import { dropReshapes } from './drop-reshapes.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import { fuseBlockInputs } from './fuse-block-inputs.ts';
import { fuseScaling } from './fuse-scaling.ts';
import { fuseShortcuts } from './fuse-shortcuts.ts';
import { buildGraph, nodeNames } from './graph.ts';
import { record } from './recorder.ts';
import type { Recording } from './recorder.ts';
import { TAG, withSavedModel } from './saved-model.ts';
import { NotFinite } from './spec.ts';
import { splitBatch } from './split-batch.ts';
import type { Engine, EngineSpec, InputSpec, InputValues, Output, Program, StateShapes } from './spec.ts';

/**
 * Records every program once, writes one TensorFlow graph with real variables, and runs it in one session: a whole step
 * in a single call. Only on native TensorFlow. ENGINE_RECORDING (failed) where a program can't be a graph.
 */
export async function compileEngine(spec: EngineSpec, scratchDir: string): Promise<Engine> {
  const { binding } = nativeBackend();
  const recordings = Object.fromEntries(
    Object.entries(spec.programs).map(([name, program]) => [name, recordTwice(name, program, spec.state)]),
  );
  const parts = batchParts();
  const split = mapValues(recordings, (recording) => fused(splitBatch(recording, parts, binding), parts, binding));
  const nodes = buildGraph(spec.state, split, binding);
  const folder = join(scratchDir, `graph-${randomUUID()}`);
  const session = await withSavedModel(nodes, folder, (at) => binding.loadSavedModel(at, TAG));
  return new CompiledEngine(binding, session, spec.state, recordings);
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** Fewer passes over memory, by operations that are there where a batch goes through in parts. */
function fused(recording: Recording, parts: number, binding: Binding): Recording {
  const plain = dropReshapes(recording);
  return fuseBlockInputs(fuseBatchNorm(fuseShortcuts(parts > 1 ? fuseScaling(plain, binding) : plain)));
}

/** What the second recording does not repeat would have been frozen into the graph by the first. */
function recordTwice(name: string, program: Program, state: StateShapes): Recording {
  try {
    const recording = record(program, state);
    const seen = difference(recording, record(program, state));
    if (seen !== null) throw new Error(seen);
    return recording;
  } catch (error) {
    const expected = 'the same operations and constants each time, from inputs and variables alone';
    const parts = { where: `program ${name}`, seen: messageOf(error), expected, remedy: 'make it an input' };
    throw new GraftError('ENGINE_RECORDING', { kind: 'failed', ...parts }, { cause: error });
  }
}

class CompiledEngine implements Engine {
  readonly kind = 'compiled';
  private readonly variables: ReadonlyMap<string, number>;
  private readonly binding: Binding;
  private readonly session: number;
  readonly shapes: StateShapes;
  private readonly recordings: Readonly<Record<string, Recording>>;

  constructor(binding: Binding, session: number, shapes: StateShapes, recordings: Readonly<Record<string, Recording>>) {
    this.binding = binding;
    this.session = session;
    this.shapes = shapes;
    this.recordings = recordings;
    this.variables = new Map([...shapes.keys()].map((name, index) => [name, index]));
  }

  run(program: string, inputs: InputValues): ReadonlyMap<string, Output> {
    const recording = this.recordings[program];
    if (!recording) throw new Error(`no program ${program}`);
    const fed = Object.entries(recording.inputs).map(([name, spec]): Feed => {
      const values = inputs[name];
      if (!values) throw new Error(`${program}: no input ${name}`);
      return { node: nodeNames.input(program, name), shape: spec.shape, dtype: this.typeOf(spec), values };
    });
    const names = [...recording.outputs.keys()];
    const outputs = this.execute(
      fed,
      names.map((name) => nodeNames.output(program, name)),
    );
    return new Map(names.map((name, index) => [name, present(outputs[index])]));
  }

  read(names: Iterable<string>): ReadonlyMap<string, Float32Array> {
    const wanted = [...names];
    const values = this.execute(
      [],
      wanted.map((name) => nodeNames.value(this.numberOf(name))),
    );
    return new Map(wanted.map((name, index) => [name, present(values[index]).values]));
  }

  write(values: ReadonlyMap<string, Float32Array>): void {
    const fed = [...values].map(([name, each]): Feed => {
      const shape = this.shapes.get(name) ?? [];
      return { node: nodeNames.setter(this.numberOf(name)), shape, dtype: this.binding.TF_FLOAT, values: each };
    });
    this.execute(
      fed,
      [...values.keys()].map((name) => nodeNames.written(this.numberOf(name))),
    );
  }

  tensorCount(): number {
    return nativeBackend().getNumOfTFTensors();
  }

  dispose(): void {
    this.binding.deleteSavedModel(this.session);
  }

  private execute(fed: readonly Feed[], fetched: readonly string[]): Output[] {
    if (fetched.length === 0) return [];
    const ids: number[] = [];
    let handles: TensorHandle[] = [];
    try {
      for (const { shape, dtype, values } of fed) ids.push(this.binding.createTensor(shape, dtype, values));
      const list = (names: readonly string[]): string => names.map((name) => `${name}:0`).join(',');
      handles = this.binding.runSavedModel(this.session, ids, list(fed.map(({ node }) => node)), list(fetched));
      return handles.map(({ id, shape }) => ({ shape, values: floats(this.binding.tensorDataSync(id)) }));
    } catch (error) {
      throw notFinite(messageOf(error)) ?? error;
    } finally {
      for (const id of [...ids, ...handles.map((handle) => handle.id)]) this.binding.deleteTensor(id);
    }
  }

  private typeOf({ dtype }: InputSpec): number {
    const { TF_FLOAT, TF_INT32, TF_UINT8 } = this.binding;
    return { float32: TF_FLOAT, int32: TF_INT32, uint8: TF_UINT8 }[dtype];
  }

  private numberOf(variable: string): number {
    const number = this.variables.get(variable);
    if (number === undefined) throw new Error(`no variable ${variable}`);
    return number;
  }
}

interface Feed {
  readonly node: string;
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly values: TypedArray;
}

/** TensorFlow's Assert says `assertion failed: [nan]`. */
function notFinite(message: string): NotFinite | null {
  const found = /assertion failed: \[(-?)(nan|inf)\]/i.exec(message);
  if (!found) return null;
  const size = found[2]?.toLowerCase() === 'inf' ? Number.POSITIVE_INFINITY : Number.NaN;
  return new NotFinite(found[1] === '-' ? -size : size);
}

function floats(values: TypedArray): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function present(output: Output | undefined): Output {
  if (output === undefined) throw new Error('a run gave no output');
  return output;
}
