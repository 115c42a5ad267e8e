import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FasterRcnnConfig } from '../../contracts/detector-config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import {
  learnShapes,
  trialInputs,
  trialOptions,
  trialPictures,
  trialState,
  trialStep,
} from '../../test/lib/detector-trial.ts';
import type { Trial } from '../../test/lib/detector-trial.ts';
import { drift, withPair } from '../../test/lib/engine-pairs.ts';
import { createBackbone } from '../backbones/index.ts';
import { compileEngine } from '../engine/compiled-engine.ts';
import { outputOf } from '../engine/index.ts';
import { learningDetector } from './detector-programs.ts';
import { fasterRcnnDetector } from './faster-rcnn-detector.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-frcnn-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const SIDE = 64;
const published = FasterRcnnConfig.parse({ kind: 'faster-rcnn' });
const small = FasterRcnnConfig.parse({
  ...{ kind: 'faster-rcnn', batchNorm: 'batch' },
  anchors: { scales: [0.5, 1], aspectRatios: [1], basePx: 32, stridePx: 8, outside: 'keep' },
  firstStage: { channels: 32, deviation: 0.03, minibatch: 32, proposals: 40 },
  secondStage: { minibatch: 16, positiveShare: 0.5, cropPx: 8, addObjects: true, mostObjects: 4 },
  postprocess: { total: 100 },
});
const shape = { classes: 2, heightPx: SIDE, widthPx: SIDE };
const trial = (config = small): Trial => ({
  learning: learningDetector(fasterRcnnDetector(createBackbone('tiny-cnn'), config, shape), 0),
  ...{ options: trialOptions, sidePx: SIDE, batch: 4 },
});

describe('the network', () => {
  it('on ResNet50 at 600 × 1024 has 29,184 anchors, and a last stage that keeps crops of 7 × 7', () => {
    const { network } = fasterRcnnDetector(createBackbone('resnet50'), published, {
      classes: 90,
      heightPx: 600,
      widthPx: 1024,
    });
    expect(network.anchors.length / 4).toBe(38 * 64 * 12);
    expect(network.backbone.cutPoints.at(-1)?.stridePx).toBe(16);
    // The stem and three stages of 3, 4 and 6 blocks.
    expect(network.tap).toBe(14);
  });

  it.each(['inception-v2', 'mobilenet-v1-0.25', 'mobilenet-v2'] as const)('takes %s', (id) => {
    const { network } = fasterRcnnDetector(createBackbone(id), published, { classes: 3, heightPx: 128, widthPx: 160 });
    expect(network.anchors.length / 4).toBe(8 * 10 * 12);
  });

  it.each([
    ['as small pictures need it', small],
    ['frozen, without the objects, anchors within the picture', { ...small, batchNorm: 'frozen', anchors: { ...small.anchors, outside: 'prune' }, secondStage: { ...small.secondStage, addObjects: false } }], // prettier-ignore
  ] as const)('compiled and eager steps are the same (%s)', async (_, config) => {
    const own = trial(config);
    const { shapes, values } = trialState(own);
    await withPair({ state: shapes, programs: { step: trialStep(own) } }, scratch, (pair) => {
      for (const engine of [pair.compiled, pair.eager]) engine.write(values);
      const worst = drift(pair, 3, (at) => trialInputs(own, trialPictures(SIDE, at * 4, 4), at, 1e-5));
      expect(worst.distance).toBeLessThan(1e-5);
    });
  });

  it('stays finite where a picture has no objects', async () => {
    const own = trial();
    const { shapes, values } = trialState(own);
    const engine = await compileEngine({ state: shapes, programs: { step: trialStep(own) } }, scratch);
    engine.write(values);
    const bare = trialPictures(SIDE, 0, 4).map((picture) => ({ ...picture, boxes: new Float64Array(), labels: [] }));
    for (let step = 0; step < 3; step++) {
      const { values: figures } = outputOf(engine.run('step', trialInputs(own, bare, step, 0.01)), 'figures');
      expect([...figures].every(Number.isFinite)).toBe(true);
      // Nothing to place: no loss of boxes in either stage.
      expect([figures[1], figures[3]]).toEqual([0, 0]);
    }
    engine.dispose();
  });
});

/** Gradient and central difference of one weight's largest entry. Proposals must not hang on the weight: the gradient does not see them. */
async function gradientAndDifference(config: FasterRcnnConfig, names: readonly string[]) {
  const own = trial(config);
  const { shapes, values } = trialState(own);
  // One step of plain descent at rate 1 moves a weight by its gradient.
  const plain: Trial = {
    ...own,
    options: { ...own.options, optimizer: { kind: 'sgd', learningRate: 1 }, clipNorm: null },
  };
  const engine = await compileEngine({ state: shapes, programs: { step: trialStep(plain) } }, scratch);
  const inputs = { ...trialInputs(own, trialPictures(SIDE, 0, 4), 0, 1), rate: Float32Array.of(1) };
  const still = { ...inputs, rate: Float32Array.of(0) };
  const found = names.map((name) => {
    const key = `param/${name}`;
    const before = values.get(key)!;
    engine.write(values);
    engine.run('step', inputs);
    const gradient = before.map((value, i) => value - (engine.read([key]).get(key)![i] ?? 0));
    const at = gradient.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradient[best] ?? 0) ? i : best), 0);
    const lossAt = (by: number): number => {
      engine.write(new Map([...values, [key, before.map((value, i) => (i === at ? value + by : value))]]));
      return outputOf(engine.run('step', still), 'figures').values.at(-1) ?? Number.NaN;
    };
    return { name, gradient: gradient[at] ?? 0, difference: (lossAt(0.01) - lossAt(-0.01)) / 0.02 };
  });
  engine.dispose();
  return found;
}

describe('gradients are those of differences', () => {
  const check = (found: Awaited<ReturnType<typeof gradientAndDifference>>): void => {
    for (const { name, gradient, difference } of found) {
      expect(Math.abs(difference), name).toBeGreaterThan(1e-3);
      expect(Math.abs(gradient / difference - 1), name).toBeLessThan(0.05);
    }
  };

  it('in the second stage, behind the crops', async () => {
    const names = ['detector/roi/classes/kernel', 'detector/roi/boxes/bias', 'backbone/conv4/kernel'];
    check(await gradientAndDifference(small, names));
  });

  it('in the first stage, without the loss of the second', async () => {
    const secondStage = { ...small.secondStage, classWeight: 0, boxWeight: 0 };
    const names = ['detector/rpn/objectness/kernel', 'detector/rpn/boxes/bias', 'backbone/conv2/kernel'];
    check(await gradientAndDifference({ ...small, secondStage }, names));
  });
});

it('learns to find squares and discs, and where they are, from nothing', { timeout: 300_000 }, async () => {
  const { losses, figures } = await learnShapes(trial(), 320, 0.003, scratch);
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 20)) * 0.6);
  // Pictures it has never seen.
  expect(figures.AP50).toBeGreaterThan(0.5);
});
