import { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import moving from '../golden/training/moving-momentum.json' with { type: 'json' };
import golden from '../golden/training/optimizers.json' with { type: 'json' };
import type { Engine, EngineSpec, InputSpec } from '../../ml/engine/index.ts';
import { hostRate, slotsOf } from '../../ml/engine/rules.ts';

/** Updates that TensorFlow's own kernels made (test/golden/training/make_golden.py). */
export const goldenCases = golden.cases.map((each) => ({
  name: JSON.stringify(each.config),
  config: OptimizerConfig.parse(each.config),
  values: each.values,
}));

const SIZE = golden.start.length;
const scalar: InputSpec = { shape: [], dtype: 'float32' };

/** A program that applies a given gradient to the variables `names`; those in `decayed` shrink first. */
export function updateSpec(config: OptimizerConfig, names: readonly string[], decayed = names): EngineSpec {
  const slots = Object.keys(slotsOf(config));
  const state = new Map(
    names.flatMap((name) => [name, ...slots.map((slot) => `${slot}/${name}`)].map((n) => [n, [SIZE]])),
  );
  const decays = config.kind === 'adam' && config.weightDecay > 0;
  return {
    state,
    programs: {
      step: {
        inputs: { gradient: { shape: [SIZE], dtype: 'float32' }, rate: scalar, shrink: scalar },
        run(inputs, variables) {
          const { gradient, rate, shrink } = inputs;
          if (!gradient || !rate || !shrink) throw new Error('inputs');
          for (const variable of names) {
            const own = Object.fromEntries(slots.map((slot) => [slot, `${slot}/${variable}`]));
            const shrinks = decays && decayed.includes(variable);
            variables.apply({ rule: config, variable, slots: own, gradient, rate, shrink: shrinks ? shrink : null });
          }
          return { first: gradient };
        },
      },
    },
  };
}

export function writeStart(engine: Engine, config: OptimizerConfig): void {
  const starts = slotsOf(config);
  const start = (name: string): Float32Array => {
    const [slot = ''] = name.split('/');
    const value = starts[slot];
    return value === undefined ? Float32Array.from(golden.start) : new Float32Array(SIZE).fill(value);
  };
  engine.write(new Map([...engine.shapes.keys()].map((name) => [name, start(name)])));
}

/** Values of all variables after each of the golden steps. `between` may exchange the engine for one with the same state. */
export async function runGolden(
  engine: Engine,
  config: OptimizerConfig,
  names: readonly string[],
  between: (engine: Engine) => Promise<Engine> = (same) => Promise.resolve(same),
): Promise<number[][][]> {
  let current = engine;
  writeStart(current, config);
  const values: number[][][] = [];
  for (const [step, gradient] of golden.gradients.entries()) {
    const rate = golden.rates[step] ?? 0;
    const decay = config.kind === 'adam' ? config.weightDecay : 0;
    current.run('step', {
      gradient: Float32Array.from(gradient),
      rate: Float32Array.of(hostRate(config, rate, step + 1)),
      shrink: Float32Array.of(1 - rate * decay),
    });
    const read = current.read(names);
    values.push(names.map((name) => [...(read.get(name) ?? [])]));
    current = await between(current);
  }
  current.dispose();
  return values;
}

/** What torch's optimizers do where the momentum is another in each step (test/golden/training/make_schedules_golden.py). */
export const movingMomentumCases = moving.cases.map((each) => ({
  name: JSON.stringify(each.config),
  config: OptimizerConfig.parse(each.config),
  values: each.values,
}));

/** A program that takes the momentum as an input. */
export function movingMomentumSpec(config: OptimizerConfig): EngineSpec {
  const slots = Object.fromEntries(Object.keys(slotsOf(config)).map((slot) => [slot, slot]));
  const gradient: InputSpec = { shape: [moving.start.length], dtype: 'float32' };
  return {
    state: new Map(['kernel', ...Object.keys(slots)].map((name) => [name, gradient.shape])),
    programs: {
      step: {
        inputs: { gradient, rate: scalar, momentum: scalar },
        run(inputs, variables) {
          const { gradient: given, rate, momentum } = inputs;
          if (!given || !rate || !momentum) throw new Error('inputs');
          variables.apply({ rule: config, variable: 'kernel', slots, gradient: given, rate, shrink: null, momentum });
          return { gradient: given };
        },
      },
    },
  };
}

/** Values of the variable after each step. */
export function runMovingMomentum(engine: Engine, config: OptimizerConfig): number[][] {
  const zeros = [...engine.shapes.keys()].map((name) => [name, new Float32Array(moving.start.length)] as const);
  engine.write(new Map([...zeros, ['kernel', Float32Array.from(moving.start)]]));
  const values = moving.gradients.map((gradient, step) => {
    const momentum = moving.momenta[step] ?? 0;
    const rate = hostRate(config, moving.rate, step + 1, momentum);
    const [g, r, m] = [Float32Array.from(gradient), Float32Array.of(rate), Float32Array.of(momentum)];
    engine.run('step', { gradient: g, rate: r, momentum: m });
    return [...(engine.read(['kernel']).get('kernel') ?? [])];
  });
  engine.dispose();
  return values;
}
