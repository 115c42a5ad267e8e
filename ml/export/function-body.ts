import { node, shapeOf } from '../engine/nodes.ts';
import type { AttrValue, NodeDef } from '../engine/saved-model.ts';
import { DT } from './element-types.ts';

/** A value inside a function: `node:result:index`, or an argument's name. */
export type Value = string;

const double: AttrValue = { type: DT.double };
const int32: AttrValue = { type: DT.int32 };

/** Writes the nodes of a TensorFlow function, in double precision where nothing else is said. */
export class FunctionBody {
  readonly nodes: NodeDef[] = [];

  /** `result` is the operation's own name of its output (tensorflow/core/ops). */
  op(op: string, result: string, inputs: readonly Value[], attr: Readonly<Record<string, AttrValue>>): Value {
    const name = `${op}_${this.nodes.length}`;
    this.nodes.push(node(name, op, inputs, attr));
    return `${name}:${result}:0`;
  }

  add = (a: Value, b: Value): Value => this.op('AddV2', 'z', [a, b], { T: double });
  sub = (a: Value, b: Value): Value => this.op('Sub', 'z', [a, b], { T: double });
  mul = (a: Value, b: Value): Value => this.op('Mul', 'z', [a, b], { T: double });
  div = (a: Value, b: Value): Value => this.op('RealDiv', 'z', [a, b], { T: double });
  max = (a: Value, b: Value): Value => this.op('Maximum', 'z', [a, b], { T: double });
  min = (a: Value, b: Value): Value => this.op('Minimum', 'z', [a, b], { T: double });
  abs = (a: Value): Value => this.op('Abs', 'y', [a], { T: double });
  floor = (a: Value): Value => this.op('Floor', 'y', [a], { T: double });
  /** ⌊a + ½⌋, as Math.round. */
  round = (a: Value): Value => this.floor(this.add(a, this.number(0.5)));
  less = (a: Value, b: Value): Value => this.op('Less', 'z', [a, b], { T: double });
  select = (when: Value, yes: Value, no: Value): Value => this.op('SelectV2', 'output', [when, yes, no], { T: double });
  cast = (a: Value, from: number, to: number): Value =>
    this.op('Cast', 'y', [a], { SrcT: { type: from }, DstT: { type: to } });

  number(value: number): Value {
    return this.constant(DT.double, [], new Float64Array([value]));
  }

  integers(values: readonly number[]): Value {
    return this.constant(DT.int32, [values.length], Int32Array.from(values));
  }

  integer(value: number): Value {
    return this.constant(DT.int32, [], new Int32Array([value]));
  }

  /** 0, 1 … end − 1 as double. */
  range(end: Value): Value {
    const counted = this.op('Range', 'output', [this.integer(0), end, this.integer(1)], { Tidx: int32 });
    return this.cast(counted, DT.int32, DT.double);
  }

  sum(a: Value, axis: number): Value {
    return this.op('Sum', 'output', [a, this.integers([axis])], { T: double, Tidx: int32, keep_dims: { b: true } });
  }

  reshape(a: Value, shape: Value, type: number): Value {
    return this.op('Reshape', 'output', [a, shape], { T: { type }, Tshape: int32 });
  }

  transpose(a: Value, order: readonly number[], type: number): Value {
    return this.op('Transpose', 'y', [a, this.integers(order)], { T: { type }, Tperm: int32 });
  }

  matMul(a: Value, b: Value, type: number): Value {
    const not = { b: false };
    return this.op('MatMul', 'product', [a, b], { T: { type }, transpose_a: not, transpose_b: not });
  }

  /** int32 scalars as one vector. */
  pack(values: readonly Value[]): Value {
    return this.op('Pack', 'output', values, { T: int32, N: { i: values.length }, axis: { i: 0 } });
  }

  private constant(dtype: number, shape: readonly number[], values: Int32Array | Float64Array): Value {
    const tensorContent = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent };
    return this.op('Const', 'output', [], { dtype: { type: dtype }, value: { tensor } });
  }
}
