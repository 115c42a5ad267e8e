import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fill } from '../../core/search/sweep.ts';
import { loadSweepFile } from './load.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-sweep-file-'));
  mkdirSync(join(dir, 'images'));
  writeFileSync(
    join(dir, 'graft.yaml'),
    'name: digits\ndataset: { source: ./images }\nmodel: { backbone: tiny-cnn, weights: random, strategy: scratch }\ntrain: { epochs: 9 }\n',
  );
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

async function load(text: string) {
  const file = join(dir, 'sweep.yaml');
  writeFileSync(file, `base: graft.yaml\n${text}\n`);
  return loadSweepFile(file);
}

async function refused(text: string): Promise<string> {
  const result = await load(text);
  return result.ok ? 'accepted' : result.error.message.replaceAll(dir, '');
}

const rate = 'train.optimizer.learningRate: { log: [1.0e-4, 1.0e-1] }';

describe('a sweep file', () => {
  it('becomes what starts a sweep: the base with its defaults, a space, a search, rules', async () => {
    const result = await load(
      `space: { ${rate}, model.dropout: { uniform: [0, 0.4], step: 0.1 }, train.optimizer.kind: { choice: [adam, sgd] }, train.optimizer.momentum: { uniform: [0, 0.9], when: { train.optimizer.kind: [sgd] } } }
search: { kind: asha, trials: 12, goal: maximize }
first: [{ train.optimizer.learningRate: 0.01, model.dropout: 0.2, train.optimizer.kind: adam }]
stop: { hours: 2, target: 0.99 }
concurrency: 3`
        .replace('train.optimizer.momentum', 'model.lastN')
        .replace('uniform: [0, 0.9]', 'int: [1, 3]'),
    );
    const { name, input } = result.ok
      ? result.value
      : (() => {
          throw result.error;
        })();
    expect([name, input.hours, input.promote]).toEqual(['digits', 2, true]);
    expect(input.state.search).toMatchObject({
      budget: 12,
      epochs: 9,
      objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }],
    });
    expect(input.state.search.space.parameters.map(({ name: each }) => each)).toEqual([
      'train.optimizer.learningRate',
      'model.dropout',
      'train.optimizer.kind',
      'model.lastN',
    ]);
    const { starts } = fill(input.state);
    expect(starts).toHaveLength(3);
    expect(starts[0]?.values).toEqual({
      'train.optimizer.learningRate': 0.01,
      'model.dropout': 0.2,
      'train.optimizer.kind': 'adam',
    });
  });

  it.each([
    ['an empty space', 'space: {}', 'SPACE_EMPTY: /sweep.yaml:2 space — no parameters'],
    ['a range without values', 'space: { model.dropout: { uniform: [0.4, 0.1] } }', 'SPACE_EMPTY'],
    ['an unknown key of the pipeline', 'space: { train.learnRate: { log: [0.1, 1] } }', 'SPACE_VALUE'],
    ['a value that the pipeline refuses', 'space: { train.batchSize: { int: [1, 5000] } }', 'SPACE_VALUE'],
    [
      'a key that would change what trials are judged on',
      'space: { dataset.split.seed: { int: [1, 5] } }',
      'SPACE_KEY',
    ],
    [
      'a condition on what is no choice',
      `space: { ${rate}, model.dropout: { uniform: [0, 1], when: { train.epochs: 3 } } }`,
      'SPACE_CONDITION',
    ],
    [
      'a constraint on what is not there',
      `space: { ${rate} }\nconstraints: [{ ordered: [model.dropout, model.lastN] }]`,
      'SPACE_CONSTRAINT',
    ],
    [
      'constraints that allow nothing',
      `space: { ${rate} }\nconstraints: [{ sum: [train.optimizer.learningRate], atMost: 0 }]`,
      'SPACE_CONTRADICTION',
    ],
    ['a metric that no trial reports', `space: { ${rate} }\nsearch: { metric: validation.f2 }`, 'CONFIG_VALUE'],
    [
      'more than can be carried on',
      `space: { train.optimizer.kind: { choice: [adam, ${'x'.repeat(900)}] } }\nsearch: { trials: 2000 }`,
      'SWEEP_SIZE',
    ],
    ['a grid without an end', `space: { ${rate} }\nsearch: { kind: grid }`, 'SEARCH_UNSUITED'],
    [
      'a condition under pbt',
      `space: { model.strategy: { choice: [scratch] }, model.dropout: { uniform: [0, 0.5], when: { model.strategy: scratch } } }\nsearch: { kind: pbt }`,
      'SEARCH_UNSUITED',
    ],
    ['a trial of another space', `space: { ${rate} }\nfirst: [{ model.dropout: 0.1 }]`, 'SPACE_VALUE'],
    [
      'an unknown key',
      `space: { ${rate} }\nsearhc: { kind: tpe }`,
      'CONFIG_KEY: /sweep.yaml:3 searhc — unknown key — did you mean search?',
    ],
    ['two forms at once', 'space: { model.dropout: { uniform: [0, 1], int: [0, 1] } }', 'CONFIG_VALUE'],
  ])('with %s is refused', async (_, text, message) => {
    expect(await refused(text)).toContain(message);
  });
});
