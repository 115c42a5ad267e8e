import { gridProposals } from '../grid.ts';
import { combinations } from '../propose.ts';
import type { Space, Values } from '../space.ts';

export { fromUnit, toUnit } from '../space.ts';

/** A grid of a choice, three rates and, under one option, a number. */
export function gridOf(): { space: Space; values: Values[]; count: number } {
  const space: Space = {
    parameters: [
      { name: 'kind', domain: { kind: 'choice', options: ['a', 'b'] }, when: null, points: null },
      { name: 'rate', domain: { kind: 'float', low: 0.01, high: 1, log: true, step: null }, when: null, points: 3 },
      { name: 'n', domain: { kind: 'int', low: 1, high: 2, log: false, step: 1 }, when: { kind: ['b'] }, points: null },
    ],
    constraints: [],
  };
  return { space, values: [...gridProposals(space)], count: combinations(space) };
}
