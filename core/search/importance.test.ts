import { expect, it } from 'vitest';
import { importanceOf } from './importance.ts';
import { randomProposal } from './propose.ts';
import type { Space } from './space.ts';
import type { Trial } from './trials.ts';

const unit = (name: string) => ({
  name,
  domain: { kind: 'float', low: 0, high: 1, log: false, step: null } as const,
  when: null,
  points: null,
});
const space: Space = { parameters: ['a', 'b', 'c'].map(unit), constraints: [] };
const objectives = [{ metric: 'validation.loss', goal: 'minimize' }] as const;

function trials(count: number, f: (a: number, b: number, c: number) => number): Trial[] {
  return Array.from({ length: count }, (_, id) => {
    const values = randomProposal(space, 5, id) ?? {};
    const loss = f(Number(values['a']), Number(values['b']), Number(values['c']));
    return { id, values, state: 'done', epoch: 5, target: 5, reports: [{ epoch: 5, values: [loss] }] };
  });
}

it('is large for what the result hangs on, and next to nothing for what it does not', () => {
  const found = importanceOf(
    trials(60, (a, b) => 10 * (a - 0.3) ** 2 + b),
    objectives,
    space,
  )!;
  expect(found.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  expect(found[0]!.share).toBeGreaterThan(0.6);
  expect(found[2]!.share).toBeLessThan(0.1);
  expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
});

it('is not guessed from a handful of trials', () => {
  expect(
    importanceOf(
      trials(7, (a) => a),
      objectives,
      space,
    ),
  ).toBeNull();
});
