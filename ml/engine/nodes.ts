import { bytesOf } from './recorder.ts';
import type { RecordedConstant } from './recorder.ts';
import type { AttrValue, NodeDef, TensorShape } from './saved-model.ts';

/**
 * TensorFlow's graph optimizer makes an AddN of additions that follow each other, which is not reproducible (see `sum`).
 * It leaves alone what bears its mark of having been through that: kAddOpsRewriteTag, in two spellings over the versions,
 * of core/grappler/optimizers/arithmetic_optimizer.cc.
 */
export const SUMMED: Readonly<Record<string, AttrValue>> = {
  _grappler_ArithmeticOptimizer_AddOpsRewriteStage: { b: true },
  '_grappler:ArithmeticOptimizer:AddOpsRewriteStage': { b: true },
};

export const markOf = (operation: string): Readonly<Record<string, AttrValue>> =>
  operation === 'Add' || operation === 'AddV2' ? SUMMED : {};

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
