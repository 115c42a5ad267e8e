import { describe, expect, it } from 'vitest';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { strategyChecks } from './strategy-checks.ts';

const checked = (model: object, augment: object = {}, more: object = {}) =>
  strategyChecks({
    config: PipelineConfig.parse({ name: 'a', dataset: { source: '.' }, model, augment, ...more }),
    place: (path) => path.join('.'),
  });

describe('a strategy', () => {
  it.each([
    [{ strategy: 'last-n', lastN: 9 }, true],
    [{ strategy: 'last-n', lastN: 2 }, false],
    [{ strategy: 'last-n', lastN: 16 }, false],
    [{ strategy: 'full', lastN: 9 }, false],
  ])('%j frozen to the middle third is warned of: %s', (model, warned) => {
    const { warnings, problems } = checked(model);
    expect(problems).toEqual([]);
    expect(warnings.map(({ code }) => code)).toEqual(warned ? ['FROZEN_MIDDLE'] : []);
    if (warned)
      expect(warnings[0]!.message).toMatch(/^9 of 18 blocks stay frozen .* write lastN: 2, or strategy: full/);
  });

  it.each([
    ['linear-probe', { flipHorizontal: 0.5 }, /linear-probe reads each image once/],
    ['svm', { flipHorizontal: 0.5, cachedVariants: 4 }, null],
    ['head', { flipHorizontal: 0.5 }, null],
  ])('%s with %j', (strategy, augment, message) => {
    const { problems } = checked({ strategy }, augment);
    expect(problems.map((each) => each.message).join()).toMatch(message ?? /^$/);
  });

  it('gradual has a schedule of its own, and epochs left after the frozen ones', () => {
    const messages = (train: object) =>
      checked({ strategy: 'gradual' }, {}, { train })
        .problems.map((each) => each.message)
        .join();
    expect(messages({})).toBe('');
    expect(messages({ schedule: { kind: 'cosine' } })).toMatch(/^CONFIG_VALUE: train.schedule — cosine with strategy/);
    expect(messages({ epochs: 1 })).toMatch(/^CONFIG_VALUE: train.gradual.frozenEpochs — 1 — below train.epochs/);
  });

  it('that is solved has no layers of one’s own; kernels are averaged for gray pictures alone', () => {
    const head = [{ dense: 8 }];
    expect(checked({ strategy: 'svm', head }).problems.join()).toMatch(/model.head — 1 of them with strategy svm/);
    expect(checked({ strategy: 'head', head }).problems).toEqual([]);
    expect(checked({ firstKernels: 'average' }).problems.join()).toMatch(/firstKernels — average with colour pictures/);
    expect(checked({ firstKernels: 'average' }, {}, { image: { color: 'gray' } }).problems).toEqual([]);
  });

  it('that learns in the backbone has no earlier end of it', () => {
    const messages = (strategy: string) => checked({ strategy, cut: 'blocks.3' }).problems.map((each) => each.message);
    expect(messages('full').join()).toMatch(/^CONFIG_VALUE: model.cut — blocks.3 with strategy full/);
    expect(messages('svm')).toEqual([]);
  });
});
