import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import { crossValidate, defaultProbe, majorityOf } from './probe.ts';

/** `rows` codes of two numbers: the class's own centre, and noise. */
function codes(rows: number, noise: number) {
  const chance = stream(3, 'test');
  const labels = Int32Array.from({ length: rows }, (_, row) => row % 3);
  const values = Float32Array.from({ length: rows * 2 }, (_, at) => {
    const label = labels[Math.floor(at / 2)] ?? 0;
    const centre = at % 2 === 0 ? label - 1 : Number(label === 1);
    return centre + noise * (chance.uniform(0, at) - 0.5);
  });
  return { codes: values, labels, width: 2, classes: 3 };
}

function validated(data: ReturnType<typeof codes>): number {
  const folds = crossValidate(data, { ...defaultProbe, c: 10 });
  for (;;) {
    const step = folds.next();
    if (step.done) return step.value;
  }
}

describe('crossValidate', () => {
  it('finds classes that lie apart, and nothing in noise', () => {
    expect(validated(codes(90, 0.2))).toBe(1);
    const lost = codes(300, 0);
    lost.codes.fill(0);
    expect(validated(lost)).toBeLessThan(0.4);
  });

  it('tests on what it did not learn from', () => {
    // Codes that name the row: learnt by heart they are perfect, on others they say nothing.
    const rows = 60;
    const own = new Float32Array(rows * rows);
    for (let row = 0; row < rows; row++) own[row * rows + row] = 1;
    const labels = Int32Array.from({ length: rows }, (_, row) => Number(stream(1, 'label').uniform(0, row) > 0.5));
    expect(validated({ codes: own, labels, width: rows, classes: 2 })).toBeLessThan(0.65);
  });

  it('knows the commonest class', () => {
    expect(majorityOf(Int32Array.of(0, 1, 1, 2), 3)).toBe(0.5);
    expect(majorityOf(new Int32Array(0), 3)).toBe(0);
  });
});
