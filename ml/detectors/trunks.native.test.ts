import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { FasterRcnnConfig, SsdConfig } from '../../contracts/detector-config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { inferenceContext, paramsIn, paramTensors } from '../nn/contexts.ts';
import { initialize } from '../nn/initialize.ts';
import { createBackbone } from '../backbones/index.ts';
import { normalizedBy } from '../nn/preprocessing.ts';
import { createDetector } from './index.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

const ssd = SsdConfig.parse({ kind: 'ssd' });
const fasterRcnn = FasterRcnnConfig.parse({
  kind: 'faster-rcnn',
  firstStage: { proposals: 5 },
  postprocess: { total: 5 },
});

/** 300 halves to 150, 75, 38, 19 and 10: odd sides, on which padding rules differ. */
it.each([
  ['mobilenet-v1-0.25', ssd],
  ['mobilenet-v2', ssd],
  ['inception-v2', ssd],
  ['mobilenet-v1-0.25', fasterRcnn],
] as const)('%s gives as many words as there are anchors at 300 × 300 (%#)', (id, config) => {
  const detector = createDetector(createBackbone(id), config, { classes: 2, heightPx: 300, widthPx: 300 });
  const anchors = config.kind === 'ssd' ? 1917 : 19 * 19 * 12;
  const context = inferenceContext(paramsIn(paramTensors(detector.params, initialize(detector.params, 1))));
  const x = tf.zeros([1, 300, 300, 3]);
  // Shapes that do not fit the anchors would throw.
  const outputs = detector.infer(x, context);
  const count = config.kind === 'ssd' ? anchors : 5;
  expect(outputs['boxes']?.shape).toEqual([1, count, 4]);
});

it.each([
  ['mobilenet-v1-0.25', ssd],
  ['mobilenet-v1-0.25', fasterRcnn],
  ['resnet50', fasterRcnn],
  ['resnet50-v1.5', fasterRcnn],
] as const)('%s is built anew with the normalization that it came with (%#)', (id, config) => {
  const shape = { classes: 2, heightPx: 300, widthPx: 300 };
  const own = createBackbone(id);
  expect(createDetector(own, config, shape).backbone.preprocessing).toEqual(own.preprocessing);
  const measured = normalizedBy(own, 'measured:90,91,92/40,50,60');
  const { preprocessing } = createDetector(measured, config, shape).backbone;
  expect(preprocessing).toMatchObject({ id: 'measured:90,91,92/40,50,60', scale: [1 / 40, 1 / 50, 1 / 60] });
});
