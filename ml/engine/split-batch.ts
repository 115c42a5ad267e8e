import type { Attribute } from '../native/backend.ts';
import type { TypeNumbers } from './graph.ts';
import { neededOperations } from './needed.ts';
import type { RecordedConstant, RecordedOperation, Recording, Ref } from './recorder.ts';
import { remapped } from './remap.ts';
import { splitRules } from './split-rules.ts';

/** A value of the recording: whole, as equal parts along its first axis, or both. */
export interface Value {
  readonly shape: readonly number[];
  whole: Ref | null;
  parts: readonly Ref[] | null;
}

/**
 * The same program with its batch in `parts` equal parts, from the pictures to the last operation that can take them one
 * by one: each is then a chain of operations that another thread goes along, and what they have in common (the statistics
 * of BatchNorm, sums of gradients) is merged in their order. So the bits hang on `parts` and not on timing. A recording
 * without pictures, or with a batch that does not divide, comes back as it was.
 */
export function splitBatch(recording: Recording, parts: number, types: TypeNumbers): Recording {
  const pictures = Object.entries(recording.inputs).find(([, { shape }]) => shape.length === 4);
  const [name, spec] = pictures ?? [];
  if (name === undefined || spec === undefined || parts < 2 || (spec.shape[0] ?? 0) % parts !== 0) return recording;
  return new Splitter(recording, parts, types, { name, shape: spec.shape }).run();
}

export class Splitter {
  readonly parts: number;
  private readonly recording: Recording;
  private readonly types: TypeNumbers;
  private readonly pictures: Value;
  private readonly picturesName: string;
  private readonly operations: RecordedOperation[] = [];
  private readonly constants: RecordedConstant[];
  /** Outputs of the recording's operations, by their index. */
  private readonly values = new Map<number, readonly Value[]>();

  constructor(
    recording: Recording,
    parts: number,
    types: TypeNumbers,
    { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  ) {
    this.recording = recording;
    this.parts = parts;
    this.types = types;
    this.constants = [...recording.constants];
    this.picturesName = name;
    const whole: Ref = { kind: 'input', name };
    this.pictures = { shape, whole, parts: this.slices(whole, shape) };
  }

  run(): Recording {
    for (const index of neededOperations(this.recording)) {
      const operation = this.recording.operations[index];
      if (operation) this.values.set(index, this.rewritten(operation));
    }
    const { operations, constants } = this;
    return { ...this.recording, ...remapped(this.recording, (ref) => this.mapped(ref)), operations, constants };
  }

  /** One new operation; its outputs in order. */
  add(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly { readonly ref: Ref; readonly shape: readonly number[] }[],
    outputShapes: readonly (readonly number[])[],
  ): Ref[] {
    const index = this.operations.length;
    const inputShapes = inputs.map(({ shape }) => shape);
    this.operations.push({ name, attributes, inputs: inputs.map(({ ref }) => ref), inputShapes, outputShapes });
    return outputShapes.map((_, output): Ref => ({ kind: 'operation', index, output }));
  }

  whole(value: Value): Ref {
    if (value.whole === null) {
      const parts = value.parts ?? [];
      const { TF_ATTR_INT, TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = this.types;
      const attributes = [
        { name: 'N', type: TF_ATTR_INT, value: parts.length },
        { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
        { name: 'Tidx', type: TF_ATTR_TYPE, value: TF_INT32 },
      ];
      const shape = this.partShape(value.shape);
      const inputs = [...parts.map((ref) => ({ ref, shape })), { ref: this.ints([0], []), shape: [] }];
      [value.whole = null] = this.add('ConcatV2', attributes, inputs, [value.shape]);
    }
    if (value.whole === null) throw new Error('a value without parts');
    return value.whole;
  }

  part(value: Value, part: number): Ref {
    value.parts ??= this.slices(this.whole(value), value.shape);
    const ref = value.parts[part];
    if (ref === undefined) throw new Error(`no part ${part}`);
    return ref;
  }

  /** Pairwise in order, as every sum of a graph (ProgramGraph). */
  sum(refs: readonly Ref[], shape: readonly number[]): Ref {
    const { TF_ATTR_INT, TF_ATTR_TYPE, TF_FLOAT } = this.types;
    const attributes = [
      { name: 'N', type: TF_ATTR_INT, value: refs.length },
      { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    ];
    const inputs = refs.map((ref) => ({ ref, shape }));
    const [sum] = this.add('AddN', attributes, inputs, [shape]);
    if (sum === undefined) throw new Error('a sum has a value');
    return sum;
  }

  partShape([first = 1, ...rest]: readonly number[]): readonly number[] {
    return [first / this.parts, ...rest];
  }

  divides({ shape }: Pick<Value, 'shape'>): boolean {
    return shape.length > 0 && (shape[0] ?? 0) % this.parts === 0;
  }

  /** The whole numbers of a constant; null where the value is none. */
  constant({ whole }: Value): readonly number[] | null {
    const values = whole?.kind === 'constant' ? this.constants[whole.index]?.values : undefined;
    return values ? [...values] : null;
  }

  ints(values: readonly number[], shape: readonly number[] = [values.length]): Ref {
    this.constants.push({ shape, dtype: this.types.TF_INT32, values: Int32Array.from(values) });
    return { kind: 'constant', index: this.constants.length - 1 };
  }

  integer(name: string, value: number): Attribute {
    return { name, type: this.types.TF_ATTR_INT, value };
  }

  private slices(whole: Ref, shape: readonly number[]): Ref[] {
    const { TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = this.types;
    const attributes = [
      { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
      { name: 'Index', type: TF_ATTR_TYPE, value: TF_INT32 },
    ];
    const size = this.partShape(shape);
    return Array.from({ length: this.parts }, (_, part) => {
      const begin = shape.map((_, axis) => (axis === 0 ? part * (size[0] ?? 0) : 0));
      const vector = [shape.length];
      const inputs = [
        { ref: whole, shape },
        { ref: this.ints(begin), shape: vector },
        { ref: this.ints(size), shape: vector },
      ];
      const [slice] = this.add('Slice', attributes, inputs, [size]);
      if (slice === undefined) throw new Error('a slice has a value');
      return slice;
    });
  }

  private rewritten(operation: RecordedOperation): readonly Value[] {
    const inputs = operation.inputs.map((ref, at) => this.valueOf(ref, operation.inputShapes[at] ?? []));
    const rule = splitRules[operation.name];
    // What no part has come to yet is no matter of the batch: weights, rates, labels.
    if (rule && inputs.some(({ parts }) => parts !== null)) {
      const values = rule(operation, inputs, this);
      if (values !== null) return values;
    }
    const wholes = inputs.map((value) => ({ ref: this.whole(value), shape: value.shape }));
    const refs = this.add(operation.name, operation.attributes, wholes, operation.outputShapes);
    return refs.map((whole, at) => ({ shape: operation.outputShapes[at] ?? [], whole, parts: null }));
  }

  private valueOf(ref: Ref, shape: readonly number[]): Value {
    if (ref.kind === 'input' && ref.name === this.picturesName) return this.pictures;
    if (ref.kind !== 'operation') return { shape, whole: ref, parts: null };
    const value = this.values.get(ref.index)?.[ref.output];
    if (!value) throw new Error(`operation ${ref.index} comes later`);
    return value;
  }

  private mapped(ref: Ref): Ref {
    return this.whole(this.valueOf(ref, []));
  }
}
