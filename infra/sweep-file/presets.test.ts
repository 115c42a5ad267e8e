import { describe, expect, it } from 'vitest';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import type { SpaceConfig } from '../../contracts/sweep-config.ts';
import { readSpace } from './space.ts';
import { strategiesPreset } from './presets.ts';

const baseOf = (change: object = {}): PipelineConfig =>
  PipelineConfig.parse({ name: 'digits', dataset: { source: '.' }, ...change });

function preset(base: PipelineConfig, written: SpaceConfig = {}) {
  const { space, first } = strategiesPreset(base, written);
  const read = readSpace({ ...space, ...written }, [], { place: () => 'here' });
  return { space, first, problems: read.problems.map(({ message }) => message) };
}

describe('the preset of strategies', () => {
  it('varies backbone, strategy, cut and rate; the base’s own choice is tried', () => {
    const { space, first, problems } = preset(baseOf());
    expect(problems).toEqual([]);
    expect(space['model.backbone']?.choice?.[0]).toBe('efficientnet-lite0');
    expect(space['model.backbone']?.choice).not.toContain('tiny-cnn');
    expect(space['model.strategy']?.choice).toEqual(['linear-probe', 'svm', 'head', 'last-n', 'full']);
    expect(space['model.cut']).toEqual({
      choice: [null, expect.stringMatching(/^blocks\.\d+$/), expect.stringMatching(/^blocks\.\d+$/)],
      when: { 'model.backbone': 'efficientnet-lite0', 'model.strategy': ['linear-probe', 'svm'] },
    });
    expect(space['train.optimizer.learningRate']?.when).toEqual({ 'model.strategy': ['head', 'last-n', 'full'] });
    const own = { 'model.backbone': 'efficientnet-lite0', 'model.strategy': 'head' };
    expect(first).toEqual([{ ...own, 'train.optimizer.learningRate': 1e-3 }]);
  });

  it('leaves out what the base does not allow', () => {
    const drawn = preset(baseOf({ augment: { flipHorizontal: 0.5 } }));
    expect(drawn.space['model.strategy']?.choice).toEqual(['head', 'last-n', 'full']);
    expect(drawn.space['model.cut']).toBeUndefined();
    const cut = preset(baseOf({ model: { strategy: 'svm', cut: 'blocks.9' } }));
    expect(cut.space['model.backbone']?.choice).toEqual(['efficientnet-lite0']);
    expect(cut.space['model.strategy']?.choice).toEqual(['linear-probe', 'svm', 'head']);
    const small = preset(baseOf({ image: { size: [64, 64] } }));
    expect(small.space['model.backbone']?.choice).not.toContain('inception-v3');
    const random = preset(baseOf({ model: { backbone: 'tiny-cnn', weights: 'random', strategy: 'scratch' } }));
    expect(random.space['model.backbone']?.choice).not.toContain('tiny-cnn');
    expect([random.space['model.weights']?.choice, random.first]).toEqual([['imagenet'], []]);
    expect([...drawn.problems, ...cut.problems, ...small.problems, ...random.problems]).toEqual([]);
  });

  it('keeps to the choices of the file', () => {
    const { space, problems } = preset(baseOf(), { 'model.strategy': { choice: ['head', 'full'] } });
    expect(problems).toEqual([]);
    expect([space['model.lastN'], space['model.cut']]).toEqual([undefined, undefined]);
    expect(preset(baseOf(), { 'model.strategy': { choice: ['svm'] } }).problems).toEqual([]);
    expect(preset(baseOf(), { 'model.backbone': { choice: ['resnet50'] } }).problems).toEqual([]);
  });
});
