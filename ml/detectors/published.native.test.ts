import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModelConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import { importPipelineConfig } from '../../core/tfod/pipeline-config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { trialPictures, trialState, trialStep } from '../../test/lib/detector-trial.ts';
import type { Trial } from '../../test/lib/detector-trial.ts';
import { pixelsOf } from '../../test/lib/detector-trial.ts';
import { publishedText } from '../../test/lib/published-configs.ts';
import { createBackbone } from '../backbones/index.ts';
import { createEngine, outputOf } from '../engine/index.ts';
import { hostRate } from '../engine/rules.ts';
import { learningDetector } from './detector-programs.ts';
import { createDetector } from './index.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-published-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** Smaller than published, so that it takes seconds: every other parameter is the file's. */
const SIDE = 128;
/** At most so many steps until every weight has moved. */
const PICTURES = 12;

it.each([
  ['ssd_mobilenet_v1_pets', 37, 2],
  ['ssd_inception_v2_coco', 90, 2],
  ['faster_rcnn_inception_v2_pets', 37, 1],
  ['faster_rcnn_resnet50_coco', 90, 1],
] as const)('%s imports and trains a step', { timeout: 240_000 }, async (name, classes, batch) => {
  const { settings } = importPipelineConfig(publishedText(name), name);
  const model = ModelConfig.parse(settings['model']);
  const train = TrainConfig.parse(settings['train']);
  const shape = { classes, heightPx: SIDE, widthPx: SIDE };
  const detector = createDetector(createBackbone(model.backbone), model.detector!, shape);
  const learning = learningDetector(detector, 0);
  const { optimizer, clipNorm } = train;
  const options = { optimizer, clipNorm, averageDecay: null, backboneRate: 1, augment: null };
  const trial: Trial = { learning, options, sidePx: SIDE, batch };
  const { shapes, values } = trialState(trial);
  const engine = await createEngine({ state: shapes, programs: { step: trialStep(trial) } }, scratch);
  engine.write(values);
  // Every weight that the losses hang on moves; a bias in front of BatchNorm has no gradient but rounding.
  let still = learning.trainable
    .filter(({ name: each }) => each.endsWith('/kernel'))
    .map(({ name: each }) => `param/${each}`);
  // The second stage's box layer learns only where one of its proposals meets an object, which some pictures give at once.
  for (let step = 0; step < PICTURES && still.length > 0; step++) {
    const pictures = trialPictures(SIDE, step * batch, batch);
    const targets = detector.targets(pictures, { seed: 1, epoch: 0, indexes: pictures.map((_, index) => index) });
    const rate = Float32Array.of(hostRate(optimizer, optimizer.learningRate, step + 1));
    const outputs = engine.run('step', { x: pixelsOf(pictures), ...targets, rate, decay: Float32Array.of(0) });
    const figures = outputOf(outputs, 'figures').values;
    expect(figures.length).toBe(detector.lossNames.length + 1);
    expect([...figures].every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
    const after = engine.read(still);
    still = still.filter((key) => after.get(key)!.every((value, i) => value === values.get(key)![i]));
  }
  engine.dispose();
  expect(still).toEqual([]);
});
