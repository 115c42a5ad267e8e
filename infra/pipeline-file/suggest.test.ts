import { describe, expect, it } from 'vitest';
import { nearest } from './suggest.ts';

describe('nearest', () => {
  it.each([
    ['epocs', ['epochs', 'seed'], 'epochs'],
    ['batch_size', ['batchSize', 'epochs'], 'batchSize'],
    ['BATCHSIZE', ['batchSize'], 'batchSize'],
    ['loses', ['losses', 'loss', 'poses'], 'losses'],
    ['zzz', ['epochs', 'seed'], null],
    ['x', ['kind'], null],
    ['', ['epochs'], null],
    ['epochs', [], null],
  ])('of %s among %j is %s', (word, candidates, meant) => {
    expect(nearest(word, candidates)).toBe(meant);
  });

  it('is the nearer of two, whichever comes first', () => {
    expect(nearest('momentun', ['momenta', 'momentum'])).toBe('momentum');
    expect(nearest('momentun', ['momentum', 'momenta'])).toBe('momentum');
  });
});
