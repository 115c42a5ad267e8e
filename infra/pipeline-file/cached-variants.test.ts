import { describe, expect, it } from 'vitest';
import { unwrap } from '../../core/result.ts';
import { parsePipeline } from './load.ts';

const parse = (...set: string[]) =>
  parsePipeline(new TextEncoder().encode('name: digits\ndataset: { source: images }\n'), 'graft.yaml', set);
const warned = (...set: string[]) => unwrap(parse('augment.cachedVariants=3', ...set)).warnings;

describe('augment.cachedVariants', () => {
  it('is off where nothing is said', () => {
    expect(unwrap(parse()).config.augment.cachedVariants).toBeNull();
    expect(unwrap(parse('augment.cachedVariants=3', 'augment.hue=0.1'))).toMatchObject({
      config: { augment: { cachedVariants: 3 }, train: { featureType: 'float16' } },
      warnings: [],
    });
  });

  it.each([
    ['mixup', 'augment={mixup: {}, cachedVariants: 4}'],
    ['cutmix', 'augment={cutmix: {}, hue: 0.1, cachedVariants: 4}'],
  ])('can’t go with %s behind a frozen trunk', (mix, set) => {
    for (const strategy of ['head', 'last-n']) {
      const parsed = parse(set, `model.strategy=${strategy}`);
      expect(parsed.ok ? '' : parsed.error.message).toMatch(
        new RegExp(
          `^CONFIG_VALUE: .*augment.cachedVariants — 4 with ${mix}, which mixes .* — null, or neither mixup nor cutmix — take`,
        ),
      );
    }
    expect(warned(set, 'augment.cachedVariants=4', `augment.${mix}.probability=0`, 'augment.hue=0.1')).toEqual([]);
  });

  it('is a warning where nothing is frozen, with mixing too, or nothing is drawn', () => {
    for (const model of [['model.strategy=full'], ['model.strategy=last-n', 'model.lastN=18']]) {
      expect(warned(...model, 'augment.mixup={}')).toMatchObject([
        { code: 'AUGMENT_IDLE', message: expect.stringContaining('changes nothing: nothing is frozen') },
      ]);
    }
    expect(warned()).toMatchObject([
      { code: 'AUGMENT_IDLE', message: expect.stringContaining('changes nothing: no augmentation is on') },
    ]);
  });

  it.each(['0', '-1', '1.5', '1001', 'many'])('is not %s', (value) => {
    const parsed = parse(`augment.cachedVariants=${value}`);
    expect(parsed.ok ? '' : parsed.error.message).toMatch(/^CONFIG_VALUE: .*augment\.cachedVariants — /);
  });
});
