import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAugmenting } from '../../core/augment/settings.ts';
import { backboneFacts, backboneNames } from '../../core/backbone-facts.ts';
import { createBackbone } from '../../ml/backbones/index.ts';
import { loadPipelineFile } from './load.ts';
import { PipelineFileError } from './problems.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-pipeline-'));
  mkdirSync(join(folder, 'images'));
  writeFileSync(join(folder, 'labels.csv'), 'path,label\n');
  writeFileSync(join(folder, 'trunk.safetensors'), '');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const GOOD = 'name: digits\ndataset:\n  source: images\n';

async function load(content: string | Uint8Array, set: readonly string[] = []) {
  const path = join(folder, 'graft.yaml');
  writeFileSync(path, content);
  const result = await loadPipelineFile(path, { set });
  const text = result.ok ? '' : result.error.message.replaceAll(`${folder}/`, '');
  return { result, text };
}

async function configOf(content: string, set: readonly string[] = []) {
  const { result, text } = await load(content, set);
  if (!result.ok) throw new Error(text);
  return result.value;
}

describe('a pipeline file', () => {
  it('gets every default and absolute paths', async () => {
    const { config, warnings } = await configOf(GOOD);
    expect(config.dataset.source).toBe(join(folder, 'images'));
    expect(config.model).toMatchObject({ backbone: 'efficientnet-lite0', weights: 'imagenet', strategy: 'head' });
    expect(config.train.checkpoint.everySteps).toBe(50);
    expect(warnings).toEqual([]);
  });

  it('may stand behind a byte order mark and use anchors', async () => {
    const { config } = await configOf('\ufeffname: &n digits\ndataset: {source: images, name: *n}\n', []);
    expect(config.dataset.name).toBe('digits');
  });

  it('keeps s3:// sources and resolves a weights file', async () => {
    const { config } = await configOf(GOOD, [
      'dataset.source=s3://photos/cats',
      'model.weights=trunk.safetensors',
      'model.strategy=full',
    ]);
    expect(config.dataset.source).toBe('s3://photos/cats');
    expect(config.model.weights).toBe(join(folder, 'trunk.safetensors'));
  });

  it.each([
    ['model.strategy=scratch', 'random'],
    ['model.backbone=tiny-cnn', 'random'],
    ['model.backbone=mobilenet-v2', 'imagenet'],
    ['model.backbone=resnet50-v1.5', 'imagenet'],
    ['model.backbone=resnet50', 'random'],
  ])('takes the weights that go with %s where none are named', async (set, weights) => {
    expect((await configOf(GOOD, [set])).config.model.weights).toBe(weights);
  });

  it('warns of a frozen trunk that knows nothing and of an early stop that never comes', async () => {
    const { warnings } = await configOf(GOOD, ['model.backbone=tiny-cnn', 'train.earlyStop={patience: 5}']);
    expect(warnings.map(({ code }) => code)).toEqual(['WEIGHTS_RANDOM', 'EARLY_STOP_IDLE']);
  });
});

describe('augment', () => {
  it('is off where nothing is said, and a section that is only named has its starting values', async () => {
    expect(isAugmenting((await configOf(GOOD)).config.augment)).toBe(false);
    const { config } = await configOf(`${GOOD}augment: {crop: {}, blur: {}, erase: {}, noise: {}, mixup: {}}\n`);
    expect(config.augment).toMatchObject({
      crop: { area: [0.5, 1], aspect: [0.75, 1.33] },
      blur: { probability: 0.5, sigmaPx: [0.1, 2] },
      noise: { probability: 0.5, standardDeviation: 8 },
      mixup: { probability: 1, alpha: 0.2 },
      cutmix: null,
    });
  });

  it('takes mixup and cutmix that share the images', async () => {
    const set = ['augment={mixup: {probability: 0.4}, cutmix: {probability: 0.6}}'];
    expect((await configOf(GOOD, set)).config.augment.cutmix).toEqual({ probability: 0.6, alpha: 1 });
  });

  it('warns of colours of gray pictures', async () => {
    const { warnings } = await configOf(GOOD, ['image.color=gray', 'augment.hue=0.1']);
    expect(warnings.map(({ code }) => code)).toEqual(['AUGMENT_IDLE']);
    expect((await configOf(GOOD, ['image.color=gray', 'augment.contrast=0.1'])).warnings).toEqual([]);
  });
});

describe('--set', () => {
  it('reads its value as YAML, makes maps on the way, and the last of two wins', async () => {
    const { config } = await configOf(`${GOOD}train: {epochs: 3, clipNorm: 1}\n`, [
      'train.epochs=7',
      'train.epochs=8',
      'train.clipNorm=null',
      'train.earlyStop.patience=2',
      'image.size=[64, 48]',
      'train.optimizer={kind: sgd, learningRate: 1e-2}',
    ]);
    expect(config.train).toMatchObject({ epochs: 8, clipNorm: null, optimizer: { kind: 'sgd', learningRate: 0.01 } });
    expect(config.train.earlyStop).toMatchObject({ metric: 'validation.loss', patience: 2, minDelta: 0 });
    expect(config.image.size).toEqual([64, 48]);
  });

  it.each([
    ['train.epocs=3', /^CONFIG_KEY: --set train\.epocs=3: train\.epocs — unknown key — did you mean train\.epochs\?/],
    ['epochs=3', /^CONFIG_KEY: --set epochs=3: epochs — unknown key — did you mean train\.epochs\?/],
    ['train.epochs', /^CONFIG_KEY: --set train\.epochs — no “=”/],
    ['train..epochs=3', /^CONFIG_KEY: --set train\.\.epochs=3 — not a key/],
    ['a.__proto__.b=3', /^CONFIG_FORBIDDEN_KEY: --set/],
    ['name.x=3', /^CONFIG_KEY: --set name\.x=3 — x would be a key of “digits”/],
    ['train={', /^CONFIG_SYNTAX: --set train=\{:1:/],
    ['train.epochs=many', /^CONFIG_VALUE: --set train\.epochs=many: train\.epochs — "many" — a whole number from 1/],
  ])('%s is refused by name', async (set, message) => {
    expect((await load(GOOD, [set])).text).toMatch(message);
  });
});

describe('what is wrong is said with its line', () => {
  const under = (text: string): string => `${GOOD}${text}`;
  it.each<[string, string | Uint8Array, RegExp]>([
    [
      'misspelt key',
      under('train:\n  epocs: 3'),
      /^CONFIG_KEY: graft\.yaml:5 train\.epocs — unknown key — did you mean train\.epochs\? — correct/,
    ],
    [
      'other spelling',
      under('train: {batch_size: 3}'),
      /train\.batch_size — unknown key — did you mean train\.batchSize\?/,
    ],
    [
      'key in the wrong place',
      under('epochs: 3'),
      /^CONFIG_KEY: graft\.yaml:4 epochs — unknown key — did you mean train\.epochs\?/,
    ],
    [
      'key of another kind',
      under('train: {optimizer: {kind: sgd, beta1: 0.9}}'),
      /train\.optimizer\.beta1 — unknown key — one of kind, learningRate —/,
    ],
    ['unlike anything', under('zzzzz: 1'), /zzzzz — unknown key — one of name, task, dataset,/],
    [
      'missing key',
      'dataset: {source: images}',
      /^CONFIG_KEY: graft\.yaml name — the key is missing — a text — Names the runs/,
    ],
    [
      'key twice',
      under('train: {}\ntrain: {}'),
      /^CONFIG_KEY: graft\.yaml:5 train — the key is there twice \(first on line 4\)/,
    ],
    ['__proto__', under('__proto__: {x: 1}'), /^CONFIG_FORBIDDEN_KEY: graft\.yaml:4 __proto__/],
    ['constructor', under('train: {constructor: 1}'), /^CONFIG_FORBIDDEN_KEY: graft\.yaml:4 train\.constructor/],
    ['steps that never come', under('train: {schedule: {kind: step}}'), /train\.schedule — neither — everySteps or/],
    [
      'wrong type',
      under('train: {epochs: many}'),
      /^CONFIG_VALUE: graft\.yaml:4 train\.epochs — "many" — a whole number from 1 to 1000000 — correct it, or leave it out for 5/,
    ],
    [
      'out of range',
      under('dataset_: 1').replace('dataset_: 1', 'train: {epochs: 0}'),
      /train\.epochs — 0 — a whole number from 1/,
    ],
    ['not a choice', under('image: {color: grey}'), /image\.color — "grey" — one of rgb, gray — did you mean gray\?/],
    [
      'kind that is none',
      under('train: {optimizer: {kind: adm}}'),
      /train\.optimizer\.kind — "adm" — one of sgd, momentum, adam, rmsprop — did you mean adam\?/,
    ],
    ['list for a map', under('train: [1]'), /^CONFIG_VALUE: graft\.yaml:4 train — \[1\] — a mapping with epochs/],
    [
      'size of three',
      under('image:\n  size: [64, 64, 3]'),
      /^CONFIG_VALUE: graft\.yaml:5 image\.size — \[64,64,3\] — a list of 2 values/,
    ],
    [
      'not a slug',
      'name: My Model\ndataset: {source: images}',
      /^CONFIG_VALUE: graft\.yaml:1 name — "My Model" — lower-case letters/,
    ],
    [
      'unknown metric',
      under('promote: {gate: {minimum: {accurcy: 1}}}'),
      /accurcy — unknown key — did you mean promote\.gate\.minimum\.accuracy\?/,
    ],
    ['foreign tag', under('train: !!js/function x'), /^CONFIG_VALUE: graft\.yaml:4 train — the tag/],
    ['a map as a key', under('? [a, b]\n: 1'), /^CONFIG_VALUE: graft\.yaml:4 — a key that is not a plain name/],
    ['broken YAML', 'name: [digits\n', /^CONFIG_SYNTAX: graft\.yaml:\d+:\d+ — /],
    ['two documents', `${GOOD}---\na: 1\n`, /^CONFIG_SYNTAX: graft\.yaml:4:1 — /],
    ['nothing', '# nothing\n', /^CONFIG_VALUE: graft\.yaml — nothing in it/],
    ['a list', '- a\n', /^CONFIG_VALUE: graft\.yaml — no mapping at the top/],
    ['not UTF-8', new Uint8Array([0x6e, 0xff, 0xfe]), /^TEXT_ENCODING: graft\.yaml — /],
    ['huge', `${GOOD}#${' '.repeat(70_000)}`, /^CONFIG_SIZE: graft\.yaml — too large — at most 64 KiB/],
    ['nested flow', `a: ${'['.repeat(3000)}${']'.repeat(3000)}`, /^CONFIG_DEPTH: graft\.yaml — nested too deeply/],
    ['nested blocks', Array.from({ length: 300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), /^CONFIG_DEPTH/],
    ['nested lists', `${'- '.repeat(3000)}x`, /^CONFIG_DEPTH/],
    [
      'alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [${Array.from({ length: 9 }, () => `*${'abcdefgh'.charAt(i)}`).join(',')}]`).join('\n')}`,
      /^CONFIG_DEPTH: .*at most 10000 values/,
    ],
    ['alias of itself', 'a: &a [*a]\n', /^CONFIG_DEPTH: .*aliases expanded/],
    ['alias of nothing', 'a: *b\n', /^CONFIG_(SYNTAX|VALUE): graft\.yaml:1/],
    [
      'too many keys',
      Array.from({ length: 12_000 }, (_, i) => `${i.toString(36)}: `)
        .join('\n')
        .slice(0, 65_000),
      /^CONFIG_(SIZE|DEPTH)/,
    ],
  ])('%s', async (_name, content, message) => {
    expect((await load(content)).text).toMatch(message);
  });

  it('all at once, in the order of the file', async () => {
    const { result, text } = await load(`${GOOD}train: {epocs: 1}\nimage: {colour: rgb}\nmodel: {lastN: 0}\n`);
    expect(result.ok).toBe(false);
    expect(!result.ok && result.error).toBeInstanceOf(PipelineFileError);
    expect(text.split('\n').map((line) => line.split(' — ')[0])).toEqual([
      'CONFIG_KEY: graft.yaml:4 train.epocs',
      'CONFIG_KEY: graft.yaml:5 image.colour',
      'CONFIG_VALUE: graft.yaml:6 model.lastN',
    ]);
  });

  it('without letting a foreign text steer the terminal', async () => {
    const { text } = await load(`${GOOD}"\\e[31mred\\u202e": 1\ntask: "\\e[2J"\n`);
    expect(text).toContain('\\u001b[31mred\\u202e');
    expect(text).not.toMatch(/[\u001b\u202e]/);
  });
});

describe('what cannot be true together is refused before anything runs', () => {
  it.each<[string[], RegExp]>([
    [
      ['image.normalization=imagenet-mean-std'],
      /^NORMALIZATION_MISMATCH: .*efficientnet-lite0 was trained with minus127-over128: \(x − 127\) \/ 128 — write auto/,
    ],
    [['image.size=[31, 64]'], /^CONFIG_VALUE: .*at least 32 pixels on each side for efficientnet-lite0/],
    [
      ['model.backbone=tiny-cnn', 'model.weights=imagenet'],
      /^CONFIG_VALUE: .*can fetch no ImageNet weights of tiny-cnn — leave weights out, or choose efficientnet-lite0 or mobilenet-v2 or resnet50-v1\.5/,
    ],
    [
      ['model.backbone=resnet50', 'model.weights=imagenet'],
      /^CONFIG_VALUE: .*can fetch no ImageNet weights of resnet50 —/,
    ],
    [
      ['model.strategy=scratch', 'model.weights=imagenet'],
      /^CONFIG_VALUE: .*strategy scratch starts from random weights/,
    ],
    [
      ['model.strategy=last-n', 'model.lastN=19'],
      /^CONFIG_VALUE: .*model\.lastN — 19 — at most 18, the blocks of efficientnet-lite0/,
    ],
    [['dataset.split={test: 0.6, validation: 0.4}'], /^CONFIG_VALUE: .*leave nothing to train on — a sum below 1/],
    [['dataset.split.groupBy="(a"'], /^CONFIG_VALUE: .*groupBy — Invalid regular expression/],
    [['dataset.split.groupBy=patient'], /^CONFIG_VALUE: .*groupBy — "patient" has no group/],
    [
      ['augment.crop.area=[0.9, 0.5]'],
      /^CONFIG_VALUE: .*augment\.crop\.area — \[0\.9,0\.5\] — \[min, max\], the smaller first — write \[0\.5, 0\.9\]/,
    ],
    [['augment.crop={aspect: [2, 1]}'], /^CONFIG_VALUE: .*augment\.crop\.aspect — \[2,1\]/],
    [['augment.zoom=[1.2, 0.8]'], /^CONFIG_VALUE: .*augment\.zoom — \[1\.2,0\.8\]/],
    [['augment.blur.sigmaPx=[2, 1]'], /^CONFIG_VALUE: .*augment\.blur\.sigmaPx — \[2,1\]/],
    [['augment.erase.area=[0.2, 0.1]'], /^CONFIG_VALUE: .*augment\.erase\.area — \[0\.2,0\.1\]/],
    [['augment.erase.aspect=[2, 1]'], /^CONFIG_VALUE: .*augment\.erase\.aspect — \[2,1\]/],
    [
      ['augment={mixup: {}, cutmix: {}}'],
      /^CONFIG_VALUE: .*augment\.cutmix — mixup with probability 1 and cutmix with 1 — a sum of at most 1/,
    ],
    [
      ['augment.rotateDegree=10'],
      /^CONFIG_KEY: .*augment\.rotateDegree — unknown key — did you mean augment\.rotateDegrees\?/,
    ],
    [['augment.hue=0.6'], /^CONFIG_VALUE: .*augment\.hue — 0\.6 — a number from 0 to 0\.5/],
    [['augment.zoom=1.2'], /^CONFIG_VALUE: .*augment\.zoom — 1\.2 — a list of 2 values, each a number from 0\.1 to 10/],
    [['dataset.source=imgs'], /^DATASET_MISSING: .*imgs: not there — a folder/],
    [['dataset.source=http://example.org/x.zip'], /^CONFIG_VALUE: .*a path, s3:\/\/bucket\/prefix or https/],
    [['dataset.source=s3:///x'], /^CONFIG_VALUE: .*name the bucket/],
    [['dataset.format=csv'], /^CONFIG_VALUE: .*images is a folder — what format csv needs/],
    [['dataset.source=labels.csv', 'dataset.format=folder'], /^CONFIG_VALUE: .*labels\.csv is a file/],
    [['model.weights=imgnet'], /^CONFIG_VALUE: .*"imgnet" — imagenet, random, champion, .* — did you mean imagenet\?/],
    [['model.weights=other.pth'], /^WEIGHTS_MISSING: .*other\.pth: not there/],
  ])('%j', async (set, message) => {
    expect((await load(GOOD, set)).text).toMatch(message);
  });

  it('by the numbers of the networks themselves', () => {
    for (const id of backboneNames) {
      const { blocks, defaultSizePx, minimumSizePx } = createBackbone(id);
      expect(backboneFacts[id]).toMatchObject({ blocks: blocks.length, defaultSizePx, minSizePx: minimumSizePx });
    }
  });
});

describe('the file itself', () => {
  it('is missing, or a folder', async () => {
    const missing = await loadPipelineFile(join(folder, 'no.yaml'));
    expect(!missing.ok && missing.error.message).toMatch(/^CONFIG_FILE: .*no\.yaml — not there/);
    const directory = await loadPipelineFile(folder);
    expect(!directory.ok && directory.error.message).toMatch(/^CONFIG_FILE: .* — a folder — .*graft\.yaml$/);
  });
});
