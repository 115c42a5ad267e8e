import { describe, expect, it } from 'vitest';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { compareAnswers } from './compare-answers.ts';

const classifier = {};
const detector = { detector: {} as never };
const tensor = (rows: number[][]) => float32Tensor(Float32Array.from(rows.flat()), [rows.length, rows[0]?.length ?? 0]);

describe('the answers of a classifier', () => {
  const recorded = tensor([
    [2, -1, 0.5],
    [1, 0, 3000],
  ]);

  it('may differ by rounding, of large ones in proportion', () => {
    const own = tensor([
      [2.0005, -1, 0.5],
      [1, 0, 3001],
    ]);
    expect(compareAnswers(classifier, own, recorded, 2)).toEqual({
      difference: expect.closeTo(1 / 3000, 5),
      wrong: null,
    });
  });

  it('are wrong from the first that is another, or none at all', () => {
    const own = tensor([
      [2, -1, 0.5],
      [1, 0.1, 3000],
    ]);
    expect(compareAnswers(classifier, own, recorded, 2).wrong).toMatchObject({ row: 1, recorded: 0 });
    expect(compareAnswers(classifier, own, recorded, 1).wrong).toBeNull();
    expect(compareAnswers(classifier, tensor([[2, -1]]), recorded, 1).wrong).toMatchObject({ row: 0 });
    expect(compareAnswers(classifier, tensor([[NaN, -1, 0.5]]), recorded, 1).wrong).toMatchObject({ row: 0 });
  });
});

describe('the answers of a detector', () => {
  const object = (label: number, score: number, at: number): number[] => [label, score, at, at, at + 0.2, at + 0.2];
  const recorded = tensor([
    [...object(1, 0.9, 0.1), ...object(2, 0.8, 0.5)],
    [...object(1, 0.7, 0.3), ...object(0, 0, 0)],
  ]);

  it('are its scores in every place: equal ones may have changed places', () => {
    const own = tensor([
      [...object(2, 0.9, 0.5), ...object(1, 0.8, 0.1)],
      [...object(1, 0.7, 0.3), ...object(0, 0, 0)],
    ]);
    expect(compareAnswers(detector, own, recorded, 2)).toEqual({ difference: 0, wrong: null });
  });

  it('are wrong where the last picture is seen otherwise', () => {
    const own = tensor([
      [...object(1, 0.9, 0.1), ...object(2, 0.8, 0.5)],
      [...object(1, 0.7, 0.3), ...object(1, 0.4, 0.6)],
    ]);
    expect(compareAnswers(detector, own, recorded, 2).wrong).toMatchObject({ row: 1, recorded: 0 });
  });
});
