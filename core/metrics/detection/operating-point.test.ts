import { describe, expect, it } from 'vitest';
import type { DetectionSet, TruthBox } from './boxes.ts';
import { figuresByAttribute } from './by-attribute.ts';
import { judgedPictures } from './judged-pictures.ts';
import { objectFigures, operatingPoint, worstPictures } from './operating-point.ts';

const truth = (image: number, category: number, x: number, flags: Partial<TruthBox> = {}): TruthBox => ({
  ...{ image, category, box: [x, 0, 10, 10], area: 100, crowd: false, difficult: false },
  ...flags,
});
const found = (image: number, category: number, x: number, score: number) => ({
  ...{ image, category, score },
  box: [x, 0, 10, 10] as const,
});

// Image 0: a cat found, a dog taken for a cat, a dog missed, a cat found twice, a detection on nothing.
const set: DetectionSet = {
  images: 2,
  categories: ['cat', 'dog'],
  truths: [truth(0, 0, 0), truth(0, 1, 20), truth(0, 1, 40), truth(1, 0, 0, { difficult: true })],
  detections: [
    found(0, 0, 1, 0.9),
    found(0, 0, 21, 0.8),
    found(0, 0, 0, 0.7),
    found(0, 1, 80, 0.6),
    found(0, 1, 40, 0.4),
    found(1, 0, 0, 0.9),
  ],
};

describe('what would be shown', () => {
  it('counts each object once, against the background too; unsure and ignored ones not at all', () => {
    const point = operatingPoint(set);
    expect(point.confusion).toEqual([
      [1, 0, 0],
      [1, 0, 1],
      [1, 1, 0],
    ]);
    expect([...point.labels]).toEqual([0, 1, 1]);
    expect([...point.given]).toEqual([0, 0, -1]);
    expect(point.perImage).toEqual([
      { missed: 1, wrong: 3 },
      { missed: 0, wrong: 0 },
    ]);
    expect(worstPictures(point, ['a.png', 'b.png'])).toEqual([{ path: 'a.png', missed: 1, wrong: 3 }]);
  });

  it('has figures for the pictures of which one thing holds, and none for names of pictures', () => {
    const own = [{ weather: 'rainy', time: 'night' }, { weather: 'clear' }];
    const figures = figuresByAttribute(set, own);
    expect(figures.map(({ attribute, value, images, objects }) => [attribute, value, images, objects])).toEqual([
      ['time', 'night', 1, 3],
      ['weather', 'clear', 1, 1],
      ['weather', 'rainy', 1, 3],
    ]);
    // Cats of picture 0: found at once. Dogs: one of two, and that one after a detection on nothing.
    expect(figures[2]?.AP50).toBe(figures[0]?.AP50);
    expect(figures[2]?.AP50).toBeGreaterThan(0.5);
    expect(figures[1]?.AP50).toBeCloseTo(1, 12);
    const many = { ...set, images: 30 };
    expect(
      figuresByAttribute(
        many,
        Array.from({ length: 30 }, (_, i) => ({ video: String(i) })),
      ),
    ).toEqual([]);
  });

  it('names what is right, wrong and missed in a picture, in the order asked for', () => {
    const images = ['b.png', 'a.png', 'c.png'].map((file_name, id) => ({ id, file_name, width: 100, height: 50 }));
    const categories = [
      { id: 7, name: 'dog' },
      { id: 3, name: 'cat' },
    ];
    const annotation = (image_id: number, category_id: number, x: number) => ({
      ...{ image_id, category_id },
      bbox: [x, 0, 10, 10] as const,
    });
    const result = (image_id: number, category_id: number, x: number, score: number) => ({
      ...annotation(image_id, category_id, x),
      score,
    });
    const truth = { images, categories, annotations: [annotation(1, 3, 0), annotation(1, 7, 40), annotation(2, 3, 0)] };
    const results = [result(1, 3, 1, 0.9), result(1, 7, 80, 0.6), result(1, 7, 40, 0.4), result(0, 3, 5, 0.8)];
    const judged = judgedPictures(truth, results, ['a.png', 'c.png', 'none.png'], 0.5);
    expect(judged).toEqual({
      ok: true,
      value: [
        {
          ...{ path: 'a.png', width: 100, height: 50 },
          boxes: [
            { judgement: 'missed', label: 'dog', score: null, box: [40, 0, 10, 10] },
            { judgement: 'wrong', label: 'dog', score: 0.6, box: [80, 0, 10, 10] },
            { judgement: 'right', label: 'cat', score: 0.9, box: [1, 0, 10, 10] },
          ],
        },
        {
          ...{ path: 'c.png', width: 100, height: 50 },
          boxes: [{ judgement: 'missed', label: 'cat', score: null, box: [0, 0, 10, 10] }],
        },
      ],
    });
  });

  it('gives precision and recall of each class', () => {
    const classes = set.categories;
    const figures = objectFigures(operatingPoint(set), { images: 2, loss: 1.5, classes });
    expect(figures.accuracy).toBeCloseTo(1 / 3, 12);
    expect(figures.perClass[0]).toMatchObject({ label: 'cat', support: 1, recall: 1 });
    expect(figures.perClass[0]?.precision).toBeCloseTo(1 / 3, 12);
    expect(figures.perClass[1]).toEqual({ label: 'dog', support: 2, precision: 0, recall: 0, f1: 0 });
    expect(figures.confusion).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});
