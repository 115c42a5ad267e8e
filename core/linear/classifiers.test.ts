import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/linear/classifiers.json' with { type: 'json' };
import { learnLinear, linearScores } from './classifiers.ts';
import type { LinearClassifier, LinearKind } from './classifiers.ts';
import { minimize } from './lbfgs.ts';
import { logisticObjective, squaredHingeObjective } from './objectives.ts';
import type { LabelledCodes } from './objectives.ts';

type Golden = (typeof golden)[number];
const options = { tolerance: 1e-7, maxIterations: 2000 };
const dataOf = ({ codes, labels, width, classes }: Golden): LabelledCodes => ({
  ...{ codes: Float32Array.from(codes), labels: Int32Array.from(labels), width, classes },
});

function learn(kind: LinearKind, data: LabelledCodes, c: number): LinearClassifier {
  const steps = learnLinear(kind, data, { ...options, c });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Parameters of class `k`, weights and bias. */
const ofClass = ({ kernel, bias }: LinearClassifier, k: number): Float64Array =>
  Float64Array.from([...kernel.filter((_, i) => i % bias.length === k), bias[k]!]);

const classesOf = (scores: Float32Array, classes: number): number[] =>
  Array.from({ length: scores.length / classes }, (_, row) => {
    const line = scores.subarray(row * classes, (row + 1) * classes);
    return line.indexOf(Math.max(...line));
  });

function accuracy(learnt: LinearClassifier, { testCodes, testLabels, classes }: Golden): number {
  const seen = classesOf(linearScores(learnt, Float32Array.from(testCodes)), classes);
  return seen.filter((label, row) => label === testLabels[row]).length / testLabels.length;
}

// scikit-learn's LogisticRegression and LinearSVC on the same codes: test/golden/linear/make_golden.py.
describe.each(golden.map((each) => [each.name, each.c, each] as const))('on %s with C %f', (_, c, each) => {
  const data = dataOf(each);
  const rows = each.labels.length;

  it('the linear probe reaches the objective and the accuracy of scikit-learn', () => {
    const learnt = learn('linear-probe', data, c);
    const x = Float64Array.from(Array.from({ length: each.classes }, (_, k) => [...ofClass(learnt, k)]).flat());
    const own = each.classes === 2 ? c / 2 : c;
    const scale = each.classes === 2 ? 2 * own * rows : own * rows;
    const objective = logisticObjective(data, own)(x, new Float64Array(x.length)) * scale;
    expect(Math.abs(objective / each.logistic.objective - 1)).toBeLessThan(1e-4);
    expect(Math.abs(accuracy(learnt, each) - each.logistic.accuracy)).toBeLessThanOrEqual(0.01);
  });

  it('the SVM reaches the objective and the accuracy of LinearSVC', () => {
    const learnt = learn('svm', data, c);
    for (const [index, wanted] of each.svm.objectives.entries()) {
      const positive = each.classes === 2 ? 1 : index;
      const x = ofClass(learnt, positive);
      const objective = squaredHingeObjective(data, positive, c)(x, new Float64Array(x.length)) * c * rows;
      expect(Math.abs(objective / wanted - 1)).toBeLessThan(1e-3);
    }
    expect(Math.abs(accuracy(learnt, each) - each.svm.accuracy)).toBeLessThanOrEqual(0.01);
  });
});

describe('both objectives', () => {
  const data: LabelledCodes = {
    ...{ codes: Float32Array.from([1, 2, -1, 0.5, 0.3, -2, 1, 1]), labels: Int32Array.of(0, 1, 2, 1) },
    ...{ width: 2, classes: 3 },
  };
  it.each([
    ['logistic', logisticObjective(data, 0.7), 9],
    ['squared hinge', squaredHingeObjective(data, 1, 0.7), 3],
  ] as const)('have the gradient of their values: %s', (_, objective, count) => {
    const entry = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(fc.array(entry, { minLength: count, maxLength: count }), (values) => {
        const gradient = new Float64Array(count);
        objective(Float64Array.from(values), gradient);
        for (let i = 0; i < count; i++) {
          const at = (d: number) =>
            objective(
              Float64Array.from(values, (v, j) => v + (j === i ? d : 0)),
              new Float64Array(count),
            );
          expect(Math.abs((at(1e-6) - at(-1e-6)) / 2e-6 - gradient[i]!)).toBeLessThan(1e-5);
        }
      }),
      { seed: 7, numRuns: 30 },
    );
  });
});

describe('minimize', () => {
  it('finds the bottom of a bent valley (Rosenbrock), and says how it goes on', () => {
    const x = Float64Array.of(-1.2, 1);
    const values = [
      ...minimize(
        (at, gradient) => {
          const [a, b] = [at[0]!, at[1]!];
          gradient.set([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]);
          return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
        },
        x,
        { tolerance: 1e-9, maxIterations: 200 },
      ),
    ].map(({ value }) => value);
    expect(Math.hypot(x[0]! - 1, x[1]! - 1)).toBeLessThan(1e-6);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(values.length).toBeLessThan(80);
  });
});
