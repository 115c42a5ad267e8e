import { describe, expect, it } from 'vitest';
import { knownLimits, modelCard } from './model-card.ts';
import type { CardFacts } from './model-card.ts';

const facts: Omit<CardFacts, 'limits'> = {
  ...{ model: 'pets', version: 3, aliases: ['champion'], createdAt: '2026-01-01T00:00:00.000Z', runId: 'pets-1' },
  ...{ graftVersion: '1.2.3', weightsSha256: 'a'.repeat(64), network: 'mobilenet-v2, head', pretrained: 'imagenet' },
  ...{ input: '96 × 96 × 3', classes: ['cat', 'dog|wolf'], configSha256: 'c'.repeat(64), code: { train: 3 } },
  dataset: { name: 'pets', version: 'd'.repeat(64), source: './pets' },
  images: { train: 70, validation: 10, test: 100 },
  test: { images: 100, figures: { accuracy: 0.9, loss: 0.3 } },
  perClass: [
    { label: 'cat', support: 90, recall: 0.9, precision: 0.95 },
    { label: 'dog|wolf', support: 10, recall: 0.9, precision: 0.7 },
  ],
  gate: [{ rule: 'minimum.accuracy', passed: true, explanation: 'accuracy 0.9000 reaches the floor 0.8000' }],
  slices: null,
  exports: [],
  intendedUse: null,
};

describe('a model card', () => {
  it('has figures with their intervals, and where the model comes from', () => {
    const card = modelCard({ ...facts, limits: ['indoors alone'] });
    // Wilson's interval of 90 of 100: .8256 to .9448 (statsmodels, proportion_confint(90, 100, method='wilson')).
    expect(card).toContain('accuracy lies between 0.826 and 0.945');
    expect(card).toContain('| dog\\|wolf | 10 | 0.900 |');
    for (const text of [
      '- indoors alone',
      '70 train, 10 validation, 100 test',
      'c'.repeat(64),
      'passed: minimum.accuracy',
    ]) {
      expect(card).toContain(text);
    }
    expect(modelCard({ ...facts, intendedUse: 'Sorting photographs.', limits: [] })).toContain('Sorting photographs.');
  });

  it('has the slices with their intervals, and says which are thin', () => {
    const figures = [
      { slice: 'day', images: 100, right: 90 },
      { slice: 'night', images: 10, right: 9 },
    ];
    const sliced = { ...facts, slices: { by: '(day|night)', figures } };
    const card = modelCard({ ...sliced, limits: knownLimits(sliced, null) });
    expect(card).toContain('Slices by `(day|night)`:');
    expect(card).toContain('| day | 100 | 0.900 | 0.826 to 0.945 |');
    expect(card).toContain('- Slices of fewer than 30 test images: night.');
    expect(modelCard({ ...facts, limits: [] })).not.toContain('Slices');
  });

  it('has what its exports cost', () => {
    const cost = { format: 'tfjs', precision: 'int8', sizeBytes: 3_456_000, maxDifference: 0.0123 };
    const measured = { ...cost, accuracy: { images: 100, original: 0.9, exported: 0.88 } };
    const card = modelCard({
      ...facts,
      limits: [],
      exports: [measured, { ...cost, precision: 'float16', accuracy: null }],
    });
    expect(card).toContain('| tfjs | int8 | 3.46 MB | 1.2e-2 | 0.8800 instead of 0.9000 on 100 images |');
    expect(card).toContain('| tfjs | float16 | 3.46 MB | 1.2e-2 | not measured |');
    expect(modelCard({ ...facts, limits: [] })).not.toContain('## Exports');
    const detector = { ...cost, accuracy: null, mAP50: { images: 64, original: 0.75, exported: 0.74 } };
    const detects = modelCard({ ...facts, limits: [], exports: [detector] });
    expect(detects).toContain('| format | weights | size | largest difference of a score or an edge | mAP@.5 |');
    expect(detects).toContain('| 0.7400 instead of 0.7500 on 64 images |');
  });

  it('says where its figures say little, and what the gate refused', () => {
    expect(knownLimits(facts, null).join('\n')).toContain('so that little can be said: dog|wolf.');
    const refused = { ...facts, gate: [{ rule: 'r', passed: false, explanation: 'worse' }] };
    expect(knownLimits(refused, 'stated')).toEqual(expect.arrayContaining(['stated', 'The gate refused: r: worse.']));
  });
});
