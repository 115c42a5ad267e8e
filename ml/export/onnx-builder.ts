import type { GraphNode, GraphRef } from './inference-graph.ts';
import { TO_CHANNELS_FIRST, transposed } from './layout.ts';
import { ONNX_TYPE } from './onnx-proto.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './onnx-proto.ts';
import type { StoredWeight } from './stored-weight.ts';

/** A value of the ONNX graph. Of rank 4 it is always [batch, channels, height, width]. */
export interface OnnxRef {
  readonly name: string;
  readonly rank: number;
}

/** Nodes and initializers as they grow. */
export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  private readonly stored: ReadonlyMap<string, StoredWeight>;
  private readonly made = new Map<string, OnnxRef>();
  private values = 0;

  constructor(stored: readonly StoredWeight[]) {
    this.stored = new Map(stored.map((each) => [each.name, each]));
  }

  op(
    opType: string,
    input: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    name = `value_${this.values++}`,
  ): string {
    this.nodes.push({ opType, input, output: [name], attributes });
    return name;
  }

  /** An operation of several outputs. */
  split(
    opType: string,
    input: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): readonly string[] {
    const output = Array.from({ length: outputs }, () => `value_${this.values++}`);
    this.nodes.push({ opType, input, output, attributes });
    return output;
  }

  /** Takes back the last node, which gives `name` to nobody else. */
  retract(name: string): OnnxNode | null {
    const last = this.nodes.at(-1);
    if (last?.output[0] !== name) return null;
    this.nodes.pop();
    return last;
  }

  shapeOf(name: string): readonly number[] {
    return this.weightOf(name).shape;
  }

  integers(values: readonly number[]): string {
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.initializer({ dims: [values.length], dataType: ONNX_TYPE.int64, rawData });
  }

  /** int64, without a side. */
  integer(value: number): string {
    const rawData = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    return this.initializer({ dims: [], dataType: ONNX_TYPE.int64, rawData });
  }

  floats(values: readonly number[]): string {
    const rawData = bytesOf(Float32Array.from(values));
    return this.initializer({ dims: [values.length], dataType: ONNX_TYPE.float, rawData });
  }

  scalar(value: number): string {
    return this.initializer({ dims: [], dataType: ONNX_TYPE.float, rawData: bytesOf(new Float32Array([value])) });
  }

  /** A weight as it is, turned by `order` where that is given, with its shape replaced by `shape`. */
  weight(name: string, order: readonly number[] | null, shape: readonly number[] | null): OnnxRef {
    const key = `${name} ${order?.join() ?? ''} ${shape?.join() ?? ''}`;
    const known = this.made.get(key);
    if (known) return known;
    const stored = this.weightOf(name);
    const turned = order === null ? stored : turn(stored, order);
    const dims = shape ?? turned.shape;
    const made = { name: this.dequantized(turned, dims), rank: dims.length };
    this.made.set(key, made);
    return made;
  }

  private dequantized(stored: StoredWeight, dims: readonly number[]): string {
    const add = (dataType: number, values: ArrayBufferView): string =>
      this.initializer({ dims, dataType, rawData: bytesOf(values) });
    switch (stored.kind) {
      case 'float32':
        return add(ONNX_TYPE.float, stored.values);
      case 'float16':
        return this.op('Cast', [add(ONNX_TYPE.float16, stored.bits)], { to: ONNX_TYPE.float });
      case 'int8': {
        const { scales, axis } = stored;
        const scale = { dims: [scales.length], dataType: ONNX_TYPE.float, rawData: bytesOf(scales) };
        const inputs = [add(ONNX_TYPE.int8, stored.values), this.initializer(scale)];
        return this.op('DequantizeLinear', inputs, { axis });
      }
      case 'affine':
        throw new Error(`${stored.name}: ONNX is given scales of channels`);
    }
  }

  private initializer(tensor: Omit<OnnxTensor, 'name'>): string {
    const name = `constant_${this.initializers.length}`;
    this.initializers.push({ ...tensor, name });
    return name;
  }

  private weightOf(name: string): StoredWeight {
    const stored = this.stored.get(name);
    if (!stored) throw new Error(`no weight ${name}`);
    return stored;
  }
}

function turn(stored: StoredWeight, order: readonly number[]): StoredWeight {
  const { shape } = stored;
  switch (stored.kind) {
    case 'float32':
      return { ...stored, ...transposed(stored.values, shape, order, (length) => new Float32Array(length)) };
    case 'float16': {
      const { values: bits, shape: sides } = transposed(stored.bits, shape, order, (length) => new Uint16Array(length));
      return { ...stored, bits, shape: sides };
    }
    case 'int8': {
      const turned = transposed(stored.values, shape, order, (length) => new Int8Array(length));
      return { ...stored, ...turned, axis: order.indexOf(stored.axis) };
    }
    case 'affine':
      throw new Error(`${stored.name}: ONNX is given scales of channels`);
  }
}

/** A weight beside a value of `rank`, as NumPy's rule spreads it when channels come first. */
export function spread(builder: OnnxBuilder, name: string, rank: number): OnnxRef {
  const shape = builder.shapeOf(name);
  if (rank !== 4 || shape.length === 0) return builder.weight(name, null, null);
  if (shape.length === 4) return builder.weight(name, TO_CHANNELS_FIRST, null);
  if (shape.length === 1) return builder.weight(name, null, [shape[0] ?? 1, 1, 1]);
  throw new Error(`${name} of [${shape.join(', ')}] beside pictures`);
}

/** How often each node's output is taken. */
export function useCounts(nodes: readonly GraphNode[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const ref of nodes.flatMap(({ inputs }) => inputs)) {
    if (ref.kind === 'node') counts.set(ref.index, (counts.get(ref.index) ?? 0) + 1);
  }
  return counts;
}

export function weightName(ref: GraphRef | undefined, op: string): string {
  if (ref?.kind === 'weight') return ref.name;
  throw new Error(`${op} takes a weight`);
}

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
