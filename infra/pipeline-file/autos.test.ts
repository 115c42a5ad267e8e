import { describe, expect, it } from 'vitest';
import { withSettled } from '../../core/advice/settle-autos.ts';
import { batchSizes } from '../../core/advice/batch-sizes.ts';
import { allKeys, pipelineJsonSchema } from './json-schema.ts';
import { parsePipeline } from './load.ts';

const parse = (text: string, set: readonly string[] = []) =>
  parsePipeline(Buffer.from(`name: a\ndataset: { source: . }\n${text}`), 'graft.yaml', set);

function configOf(text: string, set: readonly string[] = []) {
  const parsed = parse(text, set);
  if (!parsed.ok) throw parsed.error;
  return parsed.value.config;
}

describe('auto in graft.yaml', () => {
  it('stands for a value that is measured: the key keeps its default, and is listed', () => {
    const config = configOf(
      'model: { strategy: auto }\ntrain: { batchSize: auto, optimizer: { kind: sgd, learningRate: auto } }',
    );
    expect(config.auto).toEqual(['model.strategy', 'train.optimizer.learningRate', 'train.batchSize']);
    expect(config.train.optimizer).toEqual({ kind: 'sgd', learningRate: 0.01 });
    expect(config.train.batchSize).toBe(32);
  });

  it('is set from the command line too, where the file says nothing of the optimizer', () => {
    const config = configOf('', ['train.optimizer.learningRate=auto']);
    expect(config).toMatchObject({ auto: ['train.optimizer.learningRate'], train: { optimizer: { kind: 'adam' } } });
  });

  it('leaves no trace where nothing says it', () => {
    expect(configOf('train: { epochs: 2 }')).not.toHaveProperty('auto');
  });

  it('does not go with weights that a run looks up itself', () => {
    const parsed = parse('model: { weights: champion }\ntrain: { batchSize: auto }');
    expect(!parsed.ok && parsed.error.message).toMatch(
      /train\.batchSize — auto with weights: champion — .*leave weights out/,
    );
  });

  it('is no value anywhere else', () => {
    const parsed = parse('train: { epochs: auto }');
    expect(!parsed.ok && parsed.error.message).toMatch(/^CONFIG_VALUE: graft.yaml:3 train.epochs — "?auto/);
  });

  it('is a value that editors accept, where it is one', () => {
    const keys = allKeys(pipelineJsonSchema());
    const accepts = (name: string): boolean =>
      keys
        .filter(({ path }) => path.join('.') === name)
        .every(({ schema }) => JSON.stringify(schema).includes('"const":"auto"'));
    expect(['model.strategy', 'train.batchSize', 'train.optimizer.learningRate'].map(accepts)).toEqual([
      true,
      true,
      true,
    ]);
    expect(accepts('train.epochs')).toBe(false);
  });

  it('is not for detection', () => {
    const parsed = parse('task: detection\nmodel: { strategy: auto }');
    expect(parsed.ok).toBe(false);
  });
});

describe('what was measured', () => {
  it('takes the place of auto, and the rest stays', () => {
    const config = configOf('model: { strategy: auto, dropout: 0.2 }\ntrain: { batchSize: auto, epochs: 7 }');
    const settled = withSettled(config, { strategy: 'last-n', lastN: 3, backboneRate: 0.1, batchSize: 64 });
    expect(settled).not.toHaveProperty('auto');
    expect(settled.model).toMatchObject({ strategy: 'last-n', lastN: 3, cut: null, dropout: 0.2 });
    expect(settled.train).toMatchObject({ batchSize: 64, backboneRate: 0.1, epochs: 7 });
    expect(settled.train.optimizer).toEqual(config.train.optimizer);
  });

  it('tries batches that leave an epoch eight steps, and one always', () => {
    expect(batchSizes(1_000)).toEqual([8, 16, 32, 64]);
    expect(batchSizes(10)).toEqual([8]);
    expect(batchSizes(1e6).at(-1)).toBe(256);
  });
});
