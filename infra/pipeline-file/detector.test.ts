import { describe, expect, it } from 'vitest';
import { unwrap } from '../../core/result.ts';
import { parsePipeline } from './load.ts';

const HEAD = 'name: shapes\ndataset: { source: ./images }\n';
const parse = (text: string) => parsePipeline(new TextEncoder().encode(`${HEAD}${text}\n`), 'graft.yaml', []);
const config = (text: string) => unwrap(parse(text)).config;
const messageOf = (text: string): string => {
  const parsed = parse(text);
  return parsed.ok ? '' : parsed.error.message;
};

describe('task: detection', () => {
  it('takes everything from the preset that the file does not say', () => {
    const { image, model, train, augment, promote } = config('task: detection');
    expect(image).toMatchObject({ size: [300, 300], resize: 'stretch' });
    expect(model).toMatchObject({
      ...{ backbone: 'mobilenet-v1', weights: 'random', strategy: 'full' },
      detector: { kind: 'ssd', preset: 'ssd_mobilenet_v1', l2: 4e-5, extraChannels: [512, 256, 256, 128] },
    });
    expect(train).toMatchObject({
      ...{ batchSize: 24, averageDecay: 0.9999, bestMetric: 'validation.mAP' },
      optimizer: { kind: 'rmsprop', learningRate: 0.004, epsilon: 1, momentum: 0.9, initialSquare: 1 },
      schedule: { kind: 'exponential', decaySteps: 800_720, decayRate: 0.95, staircase: true },
    });
    expect(augment).toMatchObject({ flipHorizontal: 0.5, boxCrop: { keep: 0.15, area: [0.1, 1] } });
    expect(promote.gate.noWorseThanChampion).toEqual({ mAP50: 0 });
    expect(promote.gate.betterThanChampion?.metric).toBe('mAP50');
  });

  it('lets the file say every key otherwise; another kind of optimizer shares nothing with the preset’s', () => {
    const { model, train, image, promote } = config(
      [
        'task: detection',
        'image: { size: [128, 128] }',
        'model: { backbone: mobilenet-v1-0.25, detector: { kind: ssd, preset: ssd_mobilenet_v2, anchors: { minScale: 0.1 } } }',
        'train: { optimizer: { kind: adam, learningRate: 0.002 }, averageDecay: null }',
        'promote: { gate: { noWorseThanChampion: { mAP: 0.01 } } }',
      ].join('\n'),
    );
    expect(image.size).toEqual([128, 128]);
    expect(model.backbone).toBe('mobilenet-v1-0.25');
    expect(model.detector).toMatchObject({
      ...{ predictorKernelPx: 3, anchors: { minScale: 0.1, maxScale: 0.95 } },
      loss: { classification: { kind: 'mined', minNegatives: 3 } },
    });
    expect(train.optimizer).toMatchObject({ kind: 'adam', learningRate: 0.002, epsilon: 1e-7 });
    expect(train).toMatchObject({ averageDecay: null, batchSize: 24 });
    expect(promote.gate.noWorseThanChampion).toEqual({ mAP: 0.01 });
  });

  it('takes another preset’s backbone and size', () => {
    expect(config('task: detection\nmodel: { detector: { kind: faster-rcnn } }')).toMatchObject({
      ...{ image: { size: [600, 1024], resize: 'pad' }, train: { batchSize: 1, clipNorm: 10 } },
      model: { backbone: 'resnet50', detector: { preset: 'faster_rcnn_resnet50' } },
    });
    const inception = config('task: detection\nmodel: { detector: { preset: ssd_inception_v2 } }');
    expect(inception.model).toMatchObject({ backbone: 'inception-v2', detector: { kind: 'ssd', tap: 'mixed4c' } });
  });

  it.each([
    ['model: { detector: { kind: ssd, preset: ssd_mobilenet_v9 } }', /ssd_mobilenet_v9/],
    ['model: { strategy: svm }', /svm/],
    ['augment: { mixup: {} }', /boxes can’t be blended/],
    ['model: { strategy: head, cut: blocks.9 }', /model\.cut.*says where it taps/s],
    ['model: { head: [{ dense: 8 }] }', /model\.head.*layers of its own/s],
    ['image: { color: gray }\nmodel: { firstKernels: average }', /firstKernels.*sum for a detector/s],
    ['train: { labelSmoothing: 0.1 }', /0 for a detector/],
  ])('refuses %s', (text, message) => {
    expect(messageOf(`task: detection\n${text}`)).toMatch(message);
  });

  it('warns of a rate that the published one says is too high for the batch', () => {
    const codes = (text: string) => unwrap(parse(`task: detection\n${text}`)).warnings.map(({ code }) => code);
    expect(codes('train: { batchSize: 8 }')).toContain('RATE_FOR_BATCH');
    expect(codes('train: { batchSize: 24 }')).not.toContain('RATE_FOR_BATCH');
    expect(codes('train: { optimizer: { kind: adam } }')).not.toContain('RATE_FOR_BATCH');
  });
});

describe('task: classification', () => {
  it.each([
    ['model: { detector: { kind: ssd } }', /model\.detector/],
    ['augment: { boxCrop: {} }', /boxCrop/],
    ['train: { bestMetric: validation.mAP }', /bestMetric/],
    ['promote: { gate: { minimum: { mAP: 0.5 } } }', /gate\.minimum/],
  ])('refuses %s', (text, where) => {
    expect(messageOf(text)).toMatch(where);
  });

  it('has no key that it did not have before', () => {
    const { augment, model } = config('');
    expect('boxCrop' in augment).toBe(false);
    expect(model.detector).toBeNull();
  });
});
