import { describe, expect, test } from 'vitest';
import { ImageConfig, ModelConfig, TrainConfig } from '../../contracts/pipeline-config.ts';
import {
  fieldsSha256,
  fixtureText as fixture,
  publishedConfigs,
  publishedText,
} from '../../test/lib/published-configs.ts';
import type { PublishedConfig } from '../../test/lib/published-configs.ts';
import { importPipelineConfig } from './pipeline-config.ts';

const published = (name: PublishedConfig) => importPipelineConfig(publishedText(name), `${name}.config`);
const names = ['ssd_mobilenet_v1_pets', 'ssd_inception_v2_coco', 'faster_rcnn_inception_v2_pets', 'faster_rcnn_resnet50_coco'] as const; // prettier-ignore

const asPipeline = (name: PublishedConfig) => {
  const { image, augment, model, train } = published(name).settings;
  return { image: ImageConfig.parse(image), augment, model: ModelConfig.parse(model), train: TrainConfig.parse(train) };
};

describe('published configurations', () => {
  test.each(names)('%s has the fields and values of the file that it stands for', (name) => {
    expect(fieldsSha256(publishedText(name))).toBe(publishedConfigs[name]);
  });

  test.each(names)('%s: a graft.yaml, with no field left over', (name) => {
    const { fields } = published(name);
    expect(fields.filter(({ outcome }) => outcome === 'unsupported')).toEqual([]);
    expect(fields.length).toBeGreaterThan(40);
    expect(() => asPipeline(name)).not.toThrow();
  });

  test('SSD with MobileNetV1 has the parameters of its file', () => {
    const { image, augment, model, train } = asPipeline('ssd_mobilenet_v1_pets');
    expect(image).toMatchObject({ size: [300, 300], resize: 'stretch' });
    expect(augment).toEqual({ flipHorizontal: 0.5, boxCrop: {} });
    expect(model).toMatchObject({ backbone: 'mobilenet-v1', weights: 'random', strategy: 'full' });
    expect(model.detector).toMatchObject({
      ...{ kind: 'ssd', codeScales: [10, 10, 5, 5], l2: 4e-5, predictorKernelPx: 1, kernelDeviation: 0.03 },
      batchNorm: { epsilon: 1e-3, momentum: 0.9997 },
      anchors: { minScale: 0.2, maxScale: 0.95, aspectRatios: [1, 2, 0.5, 3, 0.3333], reduceLowestLayer: true },
      matcher: { matched: 0.5, unmatched: 0.5, forceEach: true },
      loss: { classification: { kind: 'mined', iouThreshold: 0.99, negativesPerPositive: 3, minNegatives: 0 } },
      postprocess: { scoreThreshold: 1e-8, iouThreshold: 0.6, perClass: 100, total: 100 },
    });
    expect(train).toMatchObject({
      ...{ batchSize: 24, averageDecay: 0.9999 },
      optimizer: { kind: 'rmsprop', learningRate: 0.004, decay: 0.9, momentum: 0.9, epsilon: 1, initialSquare: 1 },
      schedule: { kind: 'exponential', decaySteps: 800_720, decayRate: 0.95, staircase: true },
    });
  });

  test('Faster R-CNN has the parameters of its file', () => {
    const { image, model, train } = asPipeline('faster_rcnn_inception_v2_pets');
    expect(image).toMatchObject({ size: [600, 1024], resize: 'pad' });
    expect(model).toMatchObject({ backbone: 'inception-v2' });
    expect(model.detector).toMatchObject({
      ...{ kind: 'faster-rcnn', l2: 0, batchNorm: 'frozen' },
      anchors: { scales: [0.25, 0.5, 1, 2], aspectRatios: [0.5, 1, 2], basePx: 256, stridePx: 16, outside: 'prune' },
      firstStage: { deviation: 0.01, iouThreshold: 0.7, proposals: 300, boxWeight: 2, objectWeight: 1, minibatch: 256 },
      secondStage: { cropPx: 14, minibatch: 64, positiveShare: 0.25, boxWeight: 2, classWeight: 1, addObjects: false },
      postprocess: { scoreThreshold: 0, iouThreshold: 0.6, perClass: 100, total: 300 },
    });
    expect(train).toMatchObject({
      ...{ batchSize: 1, averageDecay: null, clipNorm: 10 },
      optimizer: { kind: 'momentum', learningRate: 2e-4, momentum: 0.9 },
      schedule: { kind: 'step', atSteps: [900_000, 1_200_000], factor: 0.1 },
    });
    expect(asPipeline('faster_rcnn_resnet50_coco').train.optimizer.learningRate).toBe(3e-4);
  });
});

describe('what does not fit', () => {
  const edited = (from: string | RegExp, into: string) =>
    importPipelineConfig(fixture('ssd_mobilenet_v1_pets').replace(from, into), 'pets.config');
  const left = (from: string | RegExp, into: string) =>
    edited(from, into).fields.filter(({ outcome }) => outcome === 'unsupported').map(({ field, value, note }) => ({ field, value, note })); // prettier-ignore

  test('another value of what graft has fixed, an unknown backbone, an unknown field: each is named', () => {
    expect(left('num_layers_before_predictor: 0', 'num_layers_before_predictor: 2')).toEqual([
      { field: 'model.ssd.box_predictor.convolutional_box_predictor.num_layers_before_predictor', value: '2', note: 'graft has 0 there' }, // prettier-ignore
    ]);
    expect(left("type: 'ssd_mobilenet_v1'", "type: 'ssd_resnet50_v1_fpn'")[0]).toMatchObject({ value: 'ssd_resnet50_v1_fpn' }); // prettier-ignore
    expect(left('random_horizontal_flip { }', 'random_rgb_to_gray { probability: .1 }')).toEqual([
      { field: 'train_config.data_augmentation_options.random_rgb_to_gray.probability', value: '0.1', note: 'graft has nothing of this kind' }, // prettier-ignore
    ]);
  });

  test('stairs of several factors, which one factor can’t say', () => {
    const text = fixture('faster_rcnn_inception_v2_pets').replace('learning_rate: .000002 ', 'learning_rate: .00001 ');
    const { fields } = importPipelineConfig(text, 'f');
    expect(fields.filter(({ outcome }) => outcome === 'unsupported').length).toBe(2);
  });

  test('the width of MobileNetV1 is part of its name, and the focal loss has its own keys', () => {
    expect(edited('depth_multiplier: 1.0', 'depth_multiplier: 0.5').settings['model']).toMatchObject({ backbone: 'mobilenet-v1-0.5' }); // prettier-ignore
    const sigmoid = fixture('ssd_mobilenet_v1_pets').replace('weighted_sigmoid { }', 'weighted_sigmoid_focal { alpha: 0.75 gamma: 2.0 }'); // prettier-ignore
    const focal = importPipelineConfig(sigmoid.replace(/hard_example_miner \{[^}]*\}/, ''), 'f');
    expect(ModelConfig.parse(focal.settings['model']).detector).toMatchObject({
      loss: { classification: { kind: 'focal', alpha: 0.75, gamma: 2 } },
    });
    const both = importPipelineConfig(sigmoid, 'f').fields.filter(({ outcome }) => outcome === 'unsupported');
    expect(both.map(({ field }) => field.split('.').at(-1))).toEqual(['num_hard_examples', 'iou_threshold', 'max_negatives_per_positive', 'min_negatives_per_image']); // prettier-ignore
  });

  test('what the API’s defaults are for is written out', () => {
    const { implied, settings } = edited('force_match_for_each_row: true', '');
    expect(implied.map(({ key }) => key)).toContain('model.detector.matcher.forceEach');
    expect(settings['model']).toMatchObject({ detector: { matcher: { forceEach: false } } });
  });

  test('another kind of model is refused', () => {
    expect(() => importPipelineConfig('model { center_net { num_classes: 3 } }', 'f')).toThrow('PIPELINE_CONFIG_MODEL: f — center_net'); // prettier-ignore
    expect(() => importPipelineConfig('train_config { batch_size: 1 }', 'f')).toThrow('no model');
  });
});
