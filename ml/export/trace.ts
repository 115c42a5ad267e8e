import type { ModelDescription } from '../../contracts/manifests.ts';
import { failedError } from '../../core/errors.ts';
import { neededOperations } from '../engine/needed.ts';
import { record } from '../engine/recorder.ts';
import type { RecordedOperation, Recording, Ref } from '../engine/recorder.ts';
import { isNative, nativeBackend } from '../native/backend.ts';
import type { Binding, TensorHandle } from '../native/backend.ts';
import { variable } from '../trainer/programs.ts';
import { tracedModel } from './traced-model.ts';
import type { Traces } from './traced-model.ts';
import type { GraphIntegers, GraphNode, GraphRef, GraphWeight, InferenceGraph } from './inference-graph.ts';

/**
 * The inference graph of a trained model. `values`: its parameters by their names in the model.
 * EXPORT_NATIVE where TensorFlow is not native, EXPORT_OPERATION where something hangs on the batch size (both failed).
 */
export function traceInference(
  description: ModelDescription,
  values: ReadonlyMap<string, Float32Array>,
): InferenceGraph {
  if (!isNative()) {
    const remedy = 'graft doctor --fix brings it';
    throw failedError('EXPORT_NATIVE', 'export', 'tfjs alone computes here', 'native TensorFlow', remedy);
  }
  const { heightPx, widthPx, channels } = description.image;
  const { specs, batches, programOf, outputsOf } = tracedModel(description);
  const shapes = new Map(specs.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const [first, second] = batches.map((batch) => record(programOf(batch), shapes));
  if (!first || !second) throw new Error('nothing was recorded');
  const tracer = new Tracer({ binding: nativeBackend().binding, first, second, shapes, values, batches });
  try {
    const outputs = outputsOf(tracer);
    const batch = batches[0] === batches[1] ? batches[0] : null;
    return { heightPx, widthPx, channels, batch, outputs, ...tracer.traced() };
  } finally {
    tracer.dispose();
  }
}

interface Trace {
  readonly binding: Binding;
  readonly first: Recording;
  readonly second: Recording;
  /** Of the parameters by their names in the recording, and the values by those in the model. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly batches: readonly [number, number];
}

/** What an operation without pixels gives, and the variables that went into it. */
interface Folded {
  readonly handles: readonly TensorHandle[];
  readonly from: readonly string[];
}

type Traced = Pick<InferenceGraph, 'nodes' | 'weights' | 'integers'>;

/** Takes a recording apart: what hangs on the pixels becomes nodes, all else is computed now and becomes weights. */
class Tracer implements Traces {
  private readonly nodes: GraphNode[] = [];
  private readonly weights = new Map<string, GraphWeight>();
  private readonly integers: GraphIntegers[] = [];
  /** What an operation that hangs on the pixels has become. */
  private readonly live = new Map<number, GraphRef>();
  private readonly folded = new Map<number, Folded>();
  private readonly known = new Map<string, GraphRef>();
  private readonly made: number[] = [];
  private readonly binding: Binding;
  private readonly first: Recording;
  private readonly second: Recording;
  private readonly shapes: ReadonlyMap<string, readonly number[]>;
  private readonly values: ReadonlyMap<string, Float32Array>;
  private readonly batches: readonly [number, number];

  constructor({ binding, first, second, shapes, values, batches }: Trace) {
    this.binding = binding;
    this.first = first;
    this.second = second;
    this.shapes = shapes;
    this.values = values;
    this.batches = batches;
    this.run();
  }

  private run(): void {
    const { operations } = this.first;
    for (const index of neededOperations(this.first)) {
      const operation = operations[index];
      if (operation === undefined) continue;
      if (essence(operation) !== essence(this.second.operations[index])) throw onBatch(operation.name);
      if (operation.inputs.some((ref) => this.isLive(ref))) this.live.set(index, this.liveNode(operation));
      else this.fold(index, operation);
    }
  }

  traced(): Traced {
    return { nodes: this.nodes, weights: this.weights, integers: this.integers };
  }

  /** An output of the program, and its shape with −1 for a batch of any size. */
  output(name: string): { readonly ref: GraphRef; readonly shape: readonly number[] } {
    const [first, second] = [this.first.outputs.get(name), this.second.outputs.get(name)];
    if (!first || !second) throw new Error(`the model gives no ${name}`);
    const shape = first.shape.map((side, axis) => (side === second.shape[axis] ? side : -1));
    return { ref: this.ref(first.ref), shape };
  }

  softmax(of: GraphRef): GraphRef {
    const T = { name: 'T', type: this.binding.TF_ATTR_TYPE, value: this.binding.TF_FLOAT };
    return this.add({ op: 'Softmax', attributes: [T], inputs: [of] });
  }

  dispose(): void {
    for (const id of this.made) this.binding.deleteTensor(id);
  }

  private isLive(ref: Ref): boolean {
    return ref.kind === 'input' || (ref.kind === 'operation' && this.live.has(ref.index));
  }

  private liveNode(operation: RecordedOperation): GraphRef {
    const { name, attributes, inputs } = operation;
    const [first] = inputs;
    if (name === 'Cast' && first && isSameType(operation)) return this.ref(first);
    const refs = inputs.map((ref) => this.ref(ref));
    // A product of matrices that are only two is written as one everywhere.
    const node =
      name === 'BatchMatMulV2'
        ? { op: 'MatMul', attributes: matMulAttributes(operation), inputs: refs }
        : { op: name === 'Add' ? 'AddV2' : name, attributes, inputs: refs };
    return this.add(node);
  }

  private add(node: GraphNode): GraphRef {
    this.nodes.push(node);
    return { kind: 'node', index: this.nodes.length - 1, output: 0 };
  }

  private fold(index: number, { name, attributes, inputs, outputShapes }: RecordedOperation): void {
    const ids = inputs.map((ref) => this.handleOf(ref));
    const handles = this.binding.executeOp(name, attributes, ids, outputShapes.length);
    this.made.push(...handles.map(({ id }) => id));
    const from = inputs.flatMap((ref) => this.variablesIn(ref));
    this.folded.set(index, { handles, from });
  }

  private variablesIn(ref: Ref): readonly string[] {
    if (ref.kind === 'state') return [ref.name];
    return ref.kind === 'operation' ? (this.folded.get(ref.index)?.from ?? []) : [];
  }

  private handleOf(ref: Ref): number {
    if (ref.kind === 'operation') return this.folded.get(ref.index)?.handles[ref.output]?.id ?? -1;
    const id = this.createTensor(ref);
    this.made.push(id);
    return id;
  }

  private createTensor(ref: Ref): number {
    if (ref.kind === 'constant') {
      const constant = this.first.constants[ref.index];
      if (constant) return this.binding.createTensor(constant.shape, constant.dtype, constant.values);
    }
    if (ref.kind === 'state') {
      const { shape, values } = this.parameter(ref.name);
      return this.binding.createTensor(shape, this.binding.TF_FLOAT, values);
    }
    throw new Error('a folded operation takes what is not known');
  }

  private parameter(name: string): GraphWeight {
    const short = name.slice(variable.parameter('').length);
    const values = this.values.get(short);
    if (values === undefined) throw new Error(`no value for ${short}`);
    return { name: short, shape: this.shapes.get(name) ?? [], values };
  }

  private ref(ref: Ref): GraphRef {
    const key = JSON.stringify(ref);
    const known = this.known.get(key);
    if (known) return known;
    const made = this.newRef(ref);
    this.known.set(key, made);
    return made;
  }

  private newRef(ref: Ref): GraphRef {
    switch (ref.kind) {
      case 'input':
        return { kind: 'pixels' };
      case 'state':
        return this.weight(this.parameter(ref.name));
      case 'constant':
        return this.constant(ref.index);
      case 'operation': {
        const live = this.live.get(ref.index);
        if (live) return live.kind === 'node' && ref.output > 0 ? { ...live, output: ref.output } : live;
        return this.foldedRef(ref.index, ref.output);
      }
    }
  }

  private foldedRef(index: number, output: number): GraphRef {
    const folded = this.folded.get(index);
    const handle = folded?.handles[output];
    if (!folded || !handle) throw new Error(`operation ${index} is not known`);
    const { shape } = handle;
    const values = this.binding.tensorDataSync(handle.id);
    if (values instanceof Int32Array) return this.wholeNumbers({ shape, values: values.slice() });
    if (!(values instanceof Float32Array)) throw onBatch('a folded value that is no number');
    const named = { name: this.nameFor(folded.from), shape, values: values.slice() };
    return this.weight(folded.from.length === 0 ? { ...named, fixed: true } : named);
  }

  private wholeNumbers(integers: GraphIntegers): GraphRef {
    this.integers.push(integers);
    return { kind: 'integers', index: this.integers.length - 1 };
  }

  private weight(weight: GraphWeight): GraphRef {
    this.weights.set(weight.name, weight);
    return { kind: 'weight', name: weight.name };
  }

  /** `backbone/conv1/folded` of a kernel with its BatchNorm, `backbone/conv1/bn/folded` of that alone. */
  private nameFor(variables: readonly string[]): string {
    const folders = variables.map((name) => this.parameter(name).name.split('/').slice(0, -1));
    const [first = []] = folders;
    const shared = first.filter((_, at) => folders.every((each) => same(each, first, at + 1)));
    const name = [...shared, 'folded'].join('/');
    let unique = name;
    for (let count = 2; this.weights.has(unique); count++) unique = `${name}_${count}`;
    return unique;
  }

  private constant(index: number): GraphRef {
    const [a, b] = [this.first.constants[index], this.second.constants[index]];
    if (!a || !b || a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) throw onBatch('a constant');
    if (a.values instanceof Float32Array) {
      if (a.values.some((value, at) => value !== b.values[at])) throw onBatch('a constant');
      return this.weight({ name: `constants/${index}`, shape: a.shape, values: a.values, fixed: true });
    }
    const values = Int32Array.from(a.values, (value, at) => {
      if (value === b.values[at]) return value;
      if (value === this.batches[0] && b.values[at] === this.batches[1]) return -1;
      throw onBatch('a constant');
    });
    if (values.filter((value, at) => value === -1 && a.values[at] !== -1).length > 1) throw onBatch('a shape');
    return this.wholeNumbers({ shape: a.shape, values });
  }
}

/** All of an operation but shapes, which differ with the batch. */
const essence = (operation: RecordedOperation | undefined): string =>
  JSON.stringify(operation && [operation.name, operation.attributes, operation.inputs]);

const same = (path: readonly string[], other: readonly string[], length: number): boolean =>
  path.length >= length && path.slice(0, length).join('/') === other.slice(0, length).join('/');

function isSameType({ attributes }: RecordedOperation): boolean {
  const type = (name: string) => attributes.find((each) => each.name === name)?.value;
  return type('SrcT') === type('DstT');
}

function matMulAttributes({ attributes }: RecordedOperation): GraphNode['attributes'] {
  const names: Readonly<Record<string, string>> = { adj_x: 'transpose_a', adj_y: 'transpose_b' };
  return attributes.map((each) => ({ ...each, name: names[each.name] ?? each.name }));
}

const onBatch = (what: string): Error =>
  failedError(
    'EXPORT_OPERATION',
    'the network',
    `${what} hangs on the batch size, or is not known to exporters`,
    'operations that treat each picture alone',
    'export to safetensors, or report it with the backbone’s name',
  );
