import * as tf from '@tensorflow/tfjs';
import { unreachable } from '../../core/errors.ts';

/** An update rule with its constants. Slots are float32 of the variable's shape, zero at the start but where it says. */
export type Rule =
  | { readonly kind: 'sgd' }
  | { readonly kind: 'momentum'; readonly momentum: number; readonly nesterov: boolean }
  | { readonly kind: 'adam'; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | {
      readonly kind: 'rmsprop';
      readonly decay: number;
      readonly momentum: number;
      readonly epsilon: number;
      /** TF1 starts the mean square at one, tfjs at zero. */
      readonly initialSquare: 0 | 1;
    };

/** Names of a rule's slots, and the value that each starts with. */
export function slotsOf(rule: Rule): Readonly<Record<string, number>> {
  switch (rule.kind) {
    case 'sgd':
      return {};
    case 'momentum':
      return { velocity: 0 };
    case 'adam':
      return { m: 0, v: 0 };
    case 'rmsprop':
      return { square: rule.initialSquare, velocity: 0 };
    default:
      return unreachable(rule);
  }
}

/**
 * The rate that goes into an update of iteration `iteration` (1 for the first). Adam's bias correction is done here, in
 * double precision: lr·√(1−β2^t)/(1−β1^t) (Kingma and Ba 1412.6980 §2, last formula). In single precision 1−β2 is off by
 * 6e-5 of its value at the first step. `momentum` stands for β1 where a schedule moves it, as in torch's Adam.
 */
export function hostRate(rule: Rule, learningRate: number, iteration: number, momentum: number | null = null): number {
  if (rule.kind !== 'adam') return learningRate;
  return (learningRate * Math.sqrt(1 - rule.beta2 ** iteration)) / (1 - (momentum ?? rule.beta1) ** iteration);
}

/** What of a rule a schedule may move: its momentum, or Adam's β1; null where it has neither. */
export function momentumOf(rule: Rule): number | null {
  switch (rule.kind) {
    case 'sgd':
      return null;
    case 'adam':
      return rule.beta1;
    case 'momentum':
    case 'rmsprop':
      return rule.momentum;
    default:
      return unreachable(rule);
  }
}

export interface Operands {
  readonly value: tf.Tensor;
  readonly gradient: tf.Tensor;
  readonly rate: tf.Tensor;
  slot(name: string): tf.Tensor;
  /** In place of the rule's own momentum, or of Adam's β1. */
  readonly momentum?: tf.Tensor | undefined;
}

export interface Updated {
  readonly value: tf.Tensor;
  readonly slots: Readonly<Record<string, tf.Tensor>>;
}

/** The formulas of TensorFlow's ResourceApply… kernels (tensorflow/core/kernels/training_ops.cc) in tfjs operations. */
export function updateEagerly(rule: Rule, operands: Operands): Updated {
  const { value, gradient, rate, slot, momentum = momentumOf(rule) ?? 0 } = operands;
  switch (rule.kind) {
    case 'sgd':
      return { value: value.sub(gradient.mul(rate)), slots: {} };
    case 'momentum': {
      const velocity = slot('velocity').mul(momentum).add(gradient);
      const direction = rule.nesterov ? gradient.add(velocity.mul(momentum)) : velocity;
      return { value: value.sub(direction.mul(rate)), slots: { velocity } };
    }
    case 'adam': {
      const m = slot('m').add(gradient.sub(slot('m')).mul(tf.sub(1, momentum)));
      const v = slot('v').add(
        gradient
          .square()
          .sub(slot('v'))
          .mul(1 - rule.beta2),
      );
      return { value: value.sub(m.mul(rate).div(v.sqrt().add(rule.epsilon))), slots: { m, v } };
    }
    case 'rmsprop': {
      const square = slot('square').add(
        gradient
          .square()
          .sub(slot('square'))
          .mul(1 - rule.decay),
      );
      const velocity = slot('velocity')
        .mul(momentum)
        .add(gradient.mul(rate).div(square.add(rule.epsilon).sqrt()));
      return { value: value.sub(velocity), slots: { square, velocity } };
    }
    default:
      return unreachable(rule);
  }
}

/** TensorFlow's own operation for a rule: its inputs in order, `variable`, a slot, a constant, the rate or the gradient. */
export interface NativeUpdate {
  readonly operation: string;
  readonly inputs: readonly NativeInput[];
  readonly bools?: Readonly<Record<string, boolean>>;
}

export type NativeInput =
  | { readonly kind: 'variable' | 'rate' | 'gradient' }
  | { readonly kind: 'slot'; readonly slot: string }
  | { readonly kind: 'constant'; readonly value: number }
  /** What is given for a run, else this value. */
  | { readonly kind: 'momentum'; readonly value: number };

export function nativeUpdate(rule: Rule): NativeUpdate {
  const [variable, rate, gradient] = [{ kind: 'variable' }, { kind: 'rate' }, { kind: 'gradient' }] as const;
  const slot = (name: string): NativeInput => ({ kind: 'slot', slot: name });
  const constant = (value: number): NativeInput => ({ kind: 'constant', value });
  const momentum: NativeInput = { kind: 'momentum', value: momentumOf(rule) ?? 0 };
  switch (rule.kind) {
    case 'sgd':
      return { operation: 'ResourceApplyGradientDescent', inputs: [variable, rate, gradient] };
    case 'momentum':
      return {
        operation: 'ResourceApplyMomentum',
        inputs: [variable, slot('velocity'), rate, gradient, momentum],
        bools: { use_nesterov: rule.nesterov },
      };
    case 'adam': {
      // β1^t and β2^t as zero: the correction is in the rate already.
      const { beta2, epsilon } = rule;
      const constants = [momentum, constant(beta2), constant(epsilon)];
      return {
        operation: 'ResourceApplyAdam',
        inputs: [variable, slot('m'), slot('v'), constant(0), constant(0), rate, ...constants, gradient],
      };
    }
    case 'rmsprop': {
      const { decay, epsilon } = rule;
      const constants = [constant(decay), momentum, constant(epsilon)];
      return {
        operation: 'ResourceApplyRMSProp',
        inputs: [variable, slot('square'), slot('velocity'), rate, ...constants, gradient],
      };
    }
    default:
      return unreachable(rule);
  }
}
