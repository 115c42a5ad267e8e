import { describe, expect, it } from 'vitest';
import { scoreLogits } from '../metrics/classification.ts';
import { confusionPicture } from './confusion-picture.ts';
import { dimensionsOf } from './experiment.ts';
import { testSummaries, worstAnswers } from './test-events.ts';

const classes = ['cat', 'dog', 'eel'];
const labels = [0, 0, 1, 1];
// Rows 1 and 3 are wrong; row 3 is surer of it. There is no eel.
const logits = Float32Array.from([3, 0, 0, 0, 1, 0, 0, 2, 0, 5, 0, 0]);
const scored = { classes, logits, labels, metrics: scoreLogits(logits, labels, classes) };

describe('the test side in TensorBoard', () => {
  it('shows the wrong answers that the model was surest of first', () => {
    expect(worstAnswers(scored).map(({ row, truth, answer }) => [row, truth, answer])).toEqual([
      [3, 'dog', 'cat'],
      [1, 'cat', 'dog'],
    ]);
    expect(worstAnswers(scored, 1)).toHaveLength(1);
    // e^5 / (e^5 + 2)
    expect(worstAnswers(scored)[0]?.probability).toBeCloseTo(148.4131591 / 150.4131591, 6);
  });

  it('has the figures, a PR curve for each class that occurs, and the matrix', () => {
    const summaries = testSummaries(scored, []);
    expect(summaries.find((each) => 'tag' in each && each.tag === 'accuracy')).toMatchObject({ value: 0.5 });
    const curves = summaries.filter((each) => each.kind === 'pr-curve').map(({ tag }) => tag);
    expect(curves.sort()).toEqual(['PR/cat', 'PR/dog']);
    expect(summaries.filter((each) => each.kind === 'image').map(({ tag }) => tag)).toEqual(['confusion matrix']);
  });

  it('cuts labels that would fill the page', () => {
    const long = 'x'.repeat(10_000);
    const named = {
      ...scored,
      classes: [long, 'dog', 'eel'],
      metrics: scoreLogits(logits, labels, [long, 'dog', 'eel']),
    };
    expect(testSummaries(named, []).every((each) => !JSON.stringify(each).includes('x'.repeat(60)))).toBe(true);
    for (const each of testSummaries(named, [])) if ('tag' in each) expect(each.tag.length).toBeLessThan(60);
  });
});

describe('a confusion matrix', () => {
  it('is white where nothing is, dark where a whole row is', () => {
    const picture = confusionPicture([
      [4, 0],
      [2, 2],
    ]);
    const at = (x: number, y: number) => [
      ...(picture?.pixels.subarray((y * 320 + x) * 3, (y * 320 + x) * 3 + 3) ?? []),
    ];
    expect([picture?.widthPx, picture?.heightPx]).toEqual([320, 320]);
    expect(at(0, 0)).toEqual([0x08, 0x30, 0x6b]);
    expect(at(319, 0)).toEqual([255, 255, 255]);
    expect(at(0, 319)).toEqual(at(319, 319));
  });

  it('is not drawn of more classes than can be seen', () => {
    expect(confusionPicture(new Array<number[]>(2001).fill([]))).toBeNull();
  });
});

describe('the head of an HParams table', () => {
  it('has what differs first', () => {
    const runs = [
      { 'model.strategy': 'head', 'train.epochs': 5, 'train.rate': 0.1 },
      { 'model.strategy': 'head', 'train.epochs': 5, 'train.rate': 0.2 },
    ];
    expect(dimensionsOf(runs)).toEqual([
      { path: 'train.rate', domain: { kind: 'any', type: 'number' }, differs: true },
      { path: 'model.strategy', domain: { kind: 'any', type: 'string' }, differs: false },
      { path: 'train.epochs', domain: { kind: 'any', type: 'number' }, differs: false },
    ]);
  });
});
