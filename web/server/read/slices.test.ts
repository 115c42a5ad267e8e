import { describe, expect, it } from 'vitest';
import type { DetectionMetrics } from '../../../contracts/detection-metrics.ts';
import { Slices } from '../../../contracts/web.ts';
import { attributeSlices, pathSlices } from './slices.ts';
import { scoresOf } from './scored-test.ts';
import type { ScoredTest } from './scored-test.ts';

const paths = ['cat/day-1', 'dog/day-2', 'cat/night-1', 'dog/day-3', 'cat/day-4', 'dog/dusk-1'];
const labels = Int32Array.of(0, 1, 0, 1, 0, 1);

/** Logits of two classes in which the rows given are wrong. */
const scored = (wrong: readonly number[]) =>
  scoresOf(
    Float32Array.from({ length: 12 }, (_, at) => {
      const [row, column] = [Math.floor(at / 2), at % 2];
      return (column === labels[row]) === wrong.includes(row) ? 0 : 4;
    }),
    labels,
  );

function test(change: Partial<ScoredTest> = {}): ScoredTest {
  const made = {
    version: { runId: 'pets-1' },
    evaluation: {},
    scores: scored([4, 5]),
    items: paths.map((path) => ({ path, sha256: null })),
    champion: { version: 3, evaluation: null, scores: scored([0, 1, 2]) },
  };
  return { ...(made as unknown as ScoredTest), ...change };
}

describe('slices of a classifier’s test pictures', () => {
  it('have the share of right answers with its interval, and the champion’s on the same pictures', () => {
    const found = Slices.parse(pathSlices(test(), '(day|night)'));
    expect(found).toMatchObject({
      kind: 'paths',
      ...{ total: 2, unmatched: 1, championVersion: 3 },
      slices: [
        { slice: 'day', images: 4, accuracy: 0.75, champion: 0.5 },
        { slice: 'night', images: 1, accuracy: 1, champion: 0 },
      ],
    });
    // statsmodels: proportion_confint(3, 4, method='wilson').
    expect(found.kind === 'paths' && found.slices[0]?.low).toBeCloseTo(0.3006, 4);
    expect(found.kind === 'paths' && found.slices[0]?.high).toBeCloseTo(0.9544, 4);
  });

  it('are none where nobody named any, where answers are gone, or the list of pictures is another’s', () => {
    for (const found of [
      pathSlices(test(), null),
      pathSlices(test({ scores: null }), '(day)'),
      pathSlices(test({ items: [{ path: 'a', sha256: null }] }), '(day)'),
    ]) {
      expect(found).toMatchObject({ slices: [], total: 0 });
    }
    expect(pathSlices(test({ champion: null }), '(day)')).toMatchObject({ slices: [{ champion: null }] });
  });

  it('of which there are more than anybody reads are cut, and counted', () => {
    const many = Int32Array.from({ length: 300 }, () => 0);
    const scores = scoresOf(
      Float32Array.from({ length: 600 }, (_, at) => at % 2),
      many,
    );
    const items = Array.from({ length: 300 }, (_, n) => ({ path: `x/${n}`, sha256: null }));
    const found = pathSlices(test({ scores, items, champion: null }), 'x/(.*)');
    expect(found).toMatchObject({ total: 300, unmatched: 0 });
    expect(found.slices).toHaveLength(200);
  });

  it.each(['(dawn)', '(', 'day'])('refuse %s', (by) => {
    expect(() => pathSlices(test(), by)).toThrow(/^SLICES: /);
  });

  it('an expression that backtracks for ever is given up, and holds nobody up', () => {
    const items = paths.map(() => ({ path: `${'a'.repeat(60)}!`, sha256: null }));
    expect(() => pathSlices(test({ items }), '^((a+)+)$')).toThrow(/SLICES: .*timed out/);
  });
});

describe('slices of a detector’s', () => {
  it('are those of the attributes, beside the champion’s of the same value', () => {
    const row = { attribute: 'weather', value: 'rainy', images: 9, objects: 20, AP: 0.3, AP50: 0.6 };
    const other = { ...row, value: 'clear', AP: 0.5, AP50: 0.8 };
    const theirs = { detection: { metrics: { perAttribute: [{ ...row, AP: 0.2, AP50: 0.5 }] } } };
    const champion = { version: 3, evaluation: theirs as never, scores: null };
    const found = attributeSlices(test({ champion }), { perAttribute: [other, row] } as unknown as DetectionMetrics);
    expect(Slices.parse(found)).toEqual({
      kind: 'attributes',
      championVersion: 3,
      slices: [
        { ...other, champion: null },
        { ...row, champion: { AP: 0.2, AP50: 0.5 } },
      ],
    });
    expect(attributeSlices(test(), {} as unknown as DetectionMetrics)).toMatchObject({ slices: [] });
  });
});
