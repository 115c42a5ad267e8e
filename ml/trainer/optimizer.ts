import * as tf from '@tensorflow/tfjs';
import { unreachable } from '../../core/errors.ts';
import type { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import type { ParamSpec } from '../nn/module.ts';
import type { TensorStore } from './parameters.ts';

/** What the update rule needs besides the gradient. */
interface Update {
  readonly spec: ParamSpec;
  readonly value: tf.Tensor;
  readonly gradient: tf.Tensor;
  readonly learningRate: number;
  /** 1 for the first step. */
  readonly iteration: number;
}

/** An update rule: names of its slots, how each starts, and one step. Slots are float32 of the parameter's shape. */
interface Rule {
  readonly slots: Readonly<Record<string, number>>;
  apply(update: Update, slot: (name: string) => tf.Tensor): { value: tf.Tensor; slots: Record<string, tf.Tensor> };
}

export interface Optimizer {
  /** Slot tensors by `<slot>/<parameter>`: part of every checkpoint. */
  readonly slotNames: readonly string[];
  /** Updates every trainable parameter in place in the stores. `iteration` is 1 for the first step. */
  apply(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number, iteration: number): void;
}

/** Creates missing slots in `slots` (a resume has loaded them already). */
export function createOptimizer(
  config: OptimizerConfig,
  trainable: readonly ParamSpec[],
  parameters: TensorStore,
  slots: TensorStore,
): Optimizer {
  const rule = ruleOf(config);
  const slotKeys = Object.keys(rule.slots);
  for (const spec of trainable) {
    for (const [slot, start] of Object.entries(rule.slots)) {
      const key = `${slot}/${spec.name}`;
      if (!slots.has(key)) slots.set(key, tf.fill([...spec.shape], start));
    }
  }
  return {
    slotNames: trainable.flatMap((spec) => slotKeys.map((slot) => `${slot}/${spec.name}`)),
    apply(gradients, learningRate, iteration) {
      for (const spec of trainable) {
        const gradient = gradients.get(spec.name);
        if (!gradient) throw new Error(`no gradient for ${spec.name}`);
        const update = { spec, value: parameters.get(spec.name), gradient, learningRate, iteration };
        const next = rule.apply(update, (slot) => slots.get(`${slot}/${spec.name}`));
        parameters.set(spec.name, next.value);
        for (const [slot, tensor] of Object.entries(next.slots)) slots.set(`${slot}/${spec.name}`, tensor);
      }
    },
  };
}

function ruleOf(config: OptimizerConfig): Rule {
  switch (config.kind) {
    case 'sgd':
      return {
        slots: {},
        apply: ({ value, gradient, learningRate }) => ({
          value: tf.tidy(() => value.sub(gradient.mul(learningRate))),
          slots: {},
        }),
      };
    case 'momentum':
      return momentumRule(config.momentum, config.nesterov);
    case 'adam':
      return adamRule(config);
    case 'rmsprop':
      return rmspropRule(config);
    default:
      return unreachable(config);
  }
}

/** accum = momentum·accum + g; Nesterov: g + momentum·accum (tf.raw_ops.ResourceApplyMomentum). */
function momentumRule(momentum: number, nesterov: boolean): Rule {
  return {
    slots: { velocity: 0 },
    apply: ({ value, gradient, learningRate }, slot) => {
      const velocity = tf.tidy(() => slot('velocity').mul(momentum).add(gradient));
      return {
        value: tf.tidy(() => value.sub((nesterov ? gradient.add(velocity.mul(momentum)) : velocity).mul(learningRate))),
        slots: { velocity },
      };
    },
  };
}

/**
 * Adam as in tf.raw_ops.ResourceApplyAdam: lr·√(1−β2^t)/(1−β1^t)·m/(√v + ε). Weight decay is decoupled (Loshchilov and
 * Hutter 1711.05101, algorithm 2), scaled by the learning rate, and applies to kernels only.
 */
function adamRule(config: Extract<OptimizerConfig, { kind: 'adam' }>): Rule {
  const { beta1, beta2, epsilon, weightDecay } = config;
  return {
    slots: { m: 0, v: 0 },
    apply: ({ spec, value, gradient, learningRate, iteration }, slot) => {
      const m = tf.tidy(() => slot('m').add(gradient.sub(slot('m')).mul(1 - beta1)));
      const v = tf.tidy(() =>
        slot('v').add(
          gradient
            .square()
            .sub(slot('v'))
            .mul(1 - beta2),
        ),
      );
      const rate = (learningRate * Math.sqrt(1 - beta2 ** iteration)) / (1 - beta1 ** iteration);
      const decay = spec.decay ? 1 - learningRate * weightDecay : 1;
      return {
        value: tf.tidy(() => (decay === 1 ? value : value.mul(decay)).sub(m.mul(rate).div(v.sqrt().add(epsilon)))),
        slots: { m, v },
      };
    },
  };
}

/** RMSProp with momentum as in tf.raw_ops.ResourceApplyRMSProp; TF1 starts the mean square at one, tfjs at zero. */
function rmspropRule(config: Extract<OptimizerConfig, { kind: 'rmsprop' }>): Rule {
  const { decay, momentum, epsilon, initialSquare } = config;
  return {
    slots: { square: initialSquare, velocity: 0 },
    apply: ({ value, gradient, learningRate }, slot) => {
      const square = tf.tidy(() =>
        slot('square').add(
          gradient
            .square()
            .sub(slot('square'))
            .mul(1 - decay),
        ),
      );
      const velocity = tf.tidy(() =>
        slot('velocity')
          .mul(momentum)
          .add(gradient.mul(learningRate).div(square.add(epsilon).sqrt())),
      );
      return { value: tf.tidy(() => value.sub(velocity)), slots: { square, velocity } };
    },
  };
}

/** Scales all gradients by min(1, limit/‖g‖) with the norm over all of them (Pascanu et al. 1211.5063). Disposes of the old ones. */
export function clipByGlobalNorm(gradients: Map<string, tf.Tensor>, limit: number): Map<string, tf.Tensor> {
  const scale = tf.tidy(() => {
    const squares = [...gradients.values()].map((gradient) => gradient.square().sum());
    return tf.minimum(1, tf.div(limit, tf.addN(squares).sqrt().add(1e-12)));
  });
  const clipped = new Map([...gradients].map(([name, gradient]) => [name, gradient.mul(scale)]));
  scale.dispose();
  for (const gradient of gradients.values()) gradient.dispose();
  return clipped;
}
