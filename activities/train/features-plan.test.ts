import { describe, expect, it } from 'vitest';
import type { PrepareOutput } from '../../contracts/manifests.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { hashOf, tinyImage } from '../../test/fakes/stage-fixtures.ts';
import { planFeatures } from './features-plan.ts';
import type { FeaturesInput } from './features-plan.ts';

interface Change {
  readonly model?: object;
  readonly train?: object;
  readonly augment?: object;
  readonly image?: object;
  readonly input?: Partial<FeaturesInput>;
  readonly pixels?: { readonly train?: string; readonly validation?: string };
  readonly classes?: string[];
}

function prepared({ pixels = {}, image = {}, classes = ['cat', 'dog'] }: Change): PrepareOutput {
  const side = (text: string) => {
    const blob = { key: text, sha256: hashOf(text), sizeBytes: 1 };
    return { rows: 300, shards: [{ ...blob, rows: 300, items: blob }] };
  };
  const sides = { train: side(pixels.train ?? 'train'), validation: side(pixels.validation ?? 'validation') };
  return { image: { ...tinyImage, ...image }, classes, sides };
}

function planOf(change: Change = {}) {
  const model = { backbone: 'efficientnet-lite0', strategy: 'last-n', lastN: 3, ...change.model };
  const { train = {}, augment = {} } = change;
  const config = PipelineConfig.parse({ name: 'pets', dataset: { source: '.' }, model, train, augment });
  const fixed = { normalization: 'minus127-over128', weightsSha256: hashOf('imagenet'), threads: 2, arch: 'x64' };
  return planFeatures({ config, prepared: prepared(change), ...fixed, ...change.input });
}

const keysOf = (change: Change = {}): string[] => planOf(change)?.passes.map(({ key }) => key) ?? [];
const random = { input: { weightsSha256: null } };
const drawn = { flipHorizontal: 0.5, cachedVariants: 1 };

describe('the key of codes', () => {
  const matters: [string, Change, Change?][] = [
    ['the pixels', { pixels: { train: 'others', validation: 'more others' } }],
    ['the size of the images', { image: { heightPx: 32 } }],
    ['their channels', { image: { channels: 1 } }],
    ['the backbone', { model: { backbone: 'mobilenet-v2' } }],
    ['its weights', { input: { weightsSha256: hashOf('others') } }],
    ['random weights', random],
    ['the seed of random weights', { ...random, train: { seed: 2 } }, random],
    ['the normalization', { input: { normalization: 'minus1-to-1' } }],
    ['where the prefix ends', { model: { lastN: 2 } }],
    ['the whole backbone', { model: { strategy: 'head' } }],
    ['how it is stored', { train: { featureType: 'float32' } }],
    ['threads', { input: { threads: 4 } }],
    ['the kind of processor', { input: { arch: 'arm64' } }],
  ];
  it.each(matters)('changes with %s, on both sides', (_, change, base = {}) => {
    const [before, after] = [keysOf(base), keysOf(change)];
    expect(after).toHaveLength(2);
    expect(new Set([...before, ...after]).size).toBe(4);
  });

  const free: [string, Change, Change?][] = [
    ['the names of the classes', { classes: ['Katze', 'Hund'] }],
    ['dropout', { model: { dropout: 0.5 } }],
    ['epochs, batch size, optimizer', { train: { epochs: 99, batchSize: 7, optimizer: { kind: 'sgd' } } }],
    ['the seed, where weights are not drawn', { train: { seed: 7 } }],
    ['label smoothing and early stop', { train: { labelSmoothing: 0.1, earlyStop: {} } }],
    ['variants of what is not drawn', { augment: { cachedVariants: 5 } }],
    [
      'lastN, where the strategy does not ask',
      { model: { strategy: 'head', lastN: 9 } },
      { model: { strategy: 'head' } },
    ],
  ];
  it.each(free)('does not change with %s', (_, change, base = {}) => {
    expect(keysOf(change)).toEqual(keysOf(base));
  });

  it('of one side does not hang on the other', () => {
    const [train, validation] = keysOf();
    expect(keysOf({ pixels: { validation: 'another split' } })[0]).toBe(train);
    expect(keysOf({ pixels: { train: 'more images' } })[1]).toBe(validation);
    const same = keysOf({ pixels: { train: 'same', validation: 'same' } });
    expect(same[0]).toBe(same[1]);
  });

  it('is the same whichever way the same blocks are frozen', () => {
    // Nothing of the key says `last-n`: it says how many blocks.
    expect(planOf()?.passes[0]?.addressedBy).toMatchObject({ prefixBlocks: 15 });
    expect(JSON.stringify(planOf()?.passes[0]?.addressedBy)).not.toMatch(/last-n|strategy|lastN/);
  });
});

describe('variants', () => {
  it('have a key each, which hangs on what is drawn', () => {
    const [first, second, validation] = keysOf({ augment: { ...drawn, cachedVariants: 2 } });
    expect(validation).toBe(keysOf()[1]);
    expect(new Set([first, second, ...keysOf()]).size).toBe(4);
    // More of them share those that are there.
    expect(keysOf({ augment: { ...drawn, cachedVariants: 4 } }).slice(0, 2)).toEqual([first, second]);
    for (const change of [{ augment: { ...drawn, flipHorizontal: 0.4 } }, { augment: { ...drawn, hue: 0.1 } }]) {
      expect(keysOf(change)[0]).not.toBe(first);
    }
    expect(keysOf({ augment: drawn, train: { seed: 2 } })[0]).not.toBe(first);
  });

  it('are no more than there are epochs', () => {
    expect(planOf({ augment: { ...drawn, cachedVariants: 9 }, train: { epochs: 3 } })).toMatchObject({ variants: 3 });
    expect(keysOf({ augment: { ...drawn, cachedVariants: 9 }, train: { epochs: 3 } })).toHaveLength(4);
  });

  it('are none where images are drawn anew, or nothing is frozen', () => {
    expect(planOf({ augment: { flipHorizontal: 0.5 } })).toBeNull();
    for (const model of [{ strategy: 'full' }, { strategy: 'scratch' }, { lastN: 18 }]) {
      expect(planOf({ model })).toBeNull();
      expect(planOf({ model, augment: { ...drawn, mixup: {} } })).toBeNull();
    }
  });

  it.each(['mixup', 'cutmix'])('can’t be kept of %s', (mix) => {
    expect(() => planOf({ augment: { ...drawn, [mix]: {} } })).toThrow(
      new RegExp(`^CONFIG_VALUE: augment.cachedVariants — 1 with ${mix}.* — null, or neither mixup nor cutmix — `),
    );
    expect(planOf({ augment: { [mix]: {} } })).toBeNull();
  });
});
