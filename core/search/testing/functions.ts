import type { Domain, Parameter, Space, Values } from '../space.ts';

/** Standard functions to minimize, as test/golden/search/make_golden.py has them. */
export interface TestFunction {
  readonly space: Space;
  of(values: Values): number;
}

const float = (low: number, high: number): Domain => ({ kind: 'float', low, high, log: false, step: null });
const parameter = (name: string, domain: Domain): Parameter => ({ name, domain, when: null, points: null });
const spaceOf = (domains: Readonly<Record<string, Domain>>): Space => ({
  parameters: Object.entries(domains).map(([name, domain]) => parameter(name, domain)),
  constraints: [],
});

const A = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const P = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];
const kinds: Readonly<Record<string, readonly [cost: number, shift: number]>> = {
  plain: [1, 0],
  shifted: [2, 0.5],
  bent: [4, -0.5],
};

export const functions = {
  branin: {
    space: spaceOf({ x: float(-5, 10), y: float(0, 15) }),
    of(values) {
      const [x, y] = [Number(values['x']), Number(values['y'])];
      const valley = y - (5.1 * x ** 2) / (4 * Math.PI ** 2) + (5 * x) / Math.PI - 6;
      return valley ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
    },
  },
  hartmann6: {
    space: spaceOf(Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`x${i}`, float(0, 1)]))),
    of: (values) =>
      -[1, 1.2, 3, 3.2].reduce((sum, alpha, i) => {
        const distance = (A[i] ?? []).reduce(
          (all, a, j) => all + a * (Number(values[`x${j}`]) - (P[i]?.[j] ?? 0)) ** 2,
          0,
        );
        return sum + alpha * Math.exp(-distance);
      }, 0),
  },
  rosenbrock: {
    space: spaceOf({ x: float(-2, 2), y: float(-2, 2), kind: { kind: 'choice', options: Object.keys(kinds) } }),
    of(values) {
      const [cost, shift] = kinds[String(values['kind'])] ?? [0, 0];
      const [x, y] = [Number(values['x']) - shift, Number(values['y'])];
      return cost + (1 - x) ** 2 + 100 * (y - x ** 2) ** 2;
    },
  },
} as const satisfies Record<string, TestFunction>;

/** A training curve that ends at the function's value: what is left falls with the epochs, at a height of its own. */
export function curveAt({ of }: TestFunction, values: Values, epoch: number, epochs: number): number {
  const first = Object.values(values).find((value) => typeof value === 'number');
  return of(values) + (0.5 + Math.sin(13 * Number(first)) ** 2) * (1 - epoch / epochs) ** 2;
}
