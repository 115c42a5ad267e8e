import { describe, expect, it } from 'vitest';
import type { Parameter, Space } from '../search/space.ts';
import { firstTrial } from './first-trial.ts';
import type { SweepFacts } from './first-trial.ts';

const choice = (name: string, options: readonly (string | number)[], when: Parameter['when'] = null): Parameter => ({
  ...{ name, domain: { kind: 'choice', options }, when, points: null },
});
const rate: Parameter = {
  name: 'train.optimizer.learningRate',
  domain: { kind: 'float', low: 1e-5, high: 5e-4, log: true, step: null },
  when: { 'model.strategy': ['head', 'last-n', 'full'] },
  points: null,
};
const strategies = ['linear-probe', 'svm', 'head', 'last-n', 'full'];
const space: Space = {
  parameters: [
    choice('model.backbone', ['efficientnet-lite0', 'resnet50']),
    choice('model.strategy', strategies),
    {
      name: 'model.lastN',
      domain: { kind: 'int', low: 1, high: 4, log: false, step: 1 },
      when: { 'model.strategy': ['last-n'] },
      points: null,
    },
    rate,
    choice('model.dropout', [0, 0.2]),
  ],
  constraints: [],
};
const base = { model: { dropout: 0.2 }, train: { optimizer: { learningRate: 0.1 } } };
const facts: SweepFacts = {
  ...{ images: 200, classes: 10, backbone: 'efficientnet-lite0', gray: false, augmenting: false, batchSize: 32 },
};

describe('the advisor’s pick as the first trial', () => {
  it('is a linear classifier for few images, without a rate; what it is silent of is the base’s', () => {
    expect(firstTrial(space, base, facts)).toEqual({
      ...{ 'model.backbone': 'efficientnet-lite0', 'model.strategy': 'linear-probe', 'model.dropout': 0.2 },
    });
  });

  it('trains the last blocks for more, at the nearest rate that the space has', () => {
    expect(firstTrial(space, base, { ...facts, images: 5000 })).toMatchObject({
      ...{ 'model.strategy': 'last-n', 'model.lastN': 2, 'train.optimizer.learningRate': expect.closeTo(5e-4, 10) },
    });
  });

  it('is none where the space has no place for it', () => {
    const narrow = { ...space, parameters: [choice('model.strategy', ['head']), ...space.parameters.slice(3)] };
    expect(firstTrial(narrow, base, facts)).toBeNull();
    expect(firstTrial(space, { ...base, model: { dropout: 0.7 } }, facts)).toBeNull();
  });
});
