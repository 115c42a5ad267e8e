import { beforeAll, describe, expect, it } from 'vitest';
import { blockCosts } from '../../core/backbone-costs.ts';
import { backboneNames } from '../../core/backbone-facts.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { blockCostsOf } from './costs.ts';
import { createBackbone } from './index.ts';

beforeAll(() => loadTensorFlow());

describe('what is known of a network without TensorFlow', () => {
  it.each(backboneNames)('of %s: weights and multiply-adds of each block', (name) => {
    expect(blockCosts(name)).toEqual(blockCostsOf(createBackbone(name)));
  });

  // training.md §3; of ResNet-50 torchvision's table and He et al.'s; of MobileNetV1 table 6 of its paper.
  it.each([
    ['vgg16', 15.3],
    ['resnet50', 3.86],
    ['resnet50-v1.5', 4.09],
    ['inception-v3', 5.71],
    ['inception-v4', 12.25],
    ['mobilenet-v1', 0.568],
    ['mobilenet-v2', 0.3],
    ['mobilenet-v3-large', 0.217],
    ['mobilenet-v3-small', 0.057],
    ['efficientnet-b0', 0.386],
    ['efficientnet-lite0', 0.386],
    // .35 with its classifier, which is a convolution before the pooling.
    ['squeezenet-1.1', 0.263],
  ] as const)('of %s: some %f billion, as published', (name, billions) => {
    const sum = blockCosts(name).reduce((total, { multiplyAdds }) => total + multiplyAdds, 0);
    expect(sum / 1e9 / billions).toBeGreaterThan(0.9);
    expect(sum / 1e9 / billions).toBeLessThan(1.1);
  });
});
