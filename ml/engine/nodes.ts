import { bytesOf } from './recorder.ts';
import type { RecordedConstant } from './recorder.ts';
import type { AttrValue, NodeDef, TensorShape } from './saved-model.ts';

export function node(
  name: string,
  op: string,
  input: readonly string[],
  attr: Readonly<Record<string, AttrValue>>,
): NodeDef {
  // TensorFlow wants what orders alone behind what carries values.
  const carries = input.filter((each) => !each.startsWith('^'));
  return { name, op, input: [...carries, ...input.filter((each) => each.startsWith('^'))], attr };
}

export function constant({ shape, dtype, values }: RecordedConstant): Record<string, AttrValue> {
  const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent: bytesOf(values) };
  return { dtype: { type: dtype }, value: { tensor } };
}

export const shapeOf = (sides: readonly number[]): TensorShape => ({ dim: sides.map((size) => ({ size })) });
export const text = (value: string): AttrValue => ({ s: Buffer.from(value) });
