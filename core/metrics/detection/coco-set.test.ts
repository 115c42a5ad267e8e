import { describe, expect, test } from 'vitest';
import { cocoSet } from './coco-set.ts';

const where = { groundTruth: 'gt.json', detections: 'dets.json' };
const truth = {
  images: [{ id: 20 }, { id: 3 }],
  categories: [
    { id: 90, name: 'toothbrush' },
    { id: 1, name: 'person' },
  ],
  annotations: [{ image_id: 3, category_id: 90, bbox: [10, 20, 30, 40] as const, iscrowd: 1 as const }],
};
const result = { image_id: 20, category_id: 1, bbox: [0, 0, 5, 5] as const, score: 0.5 };

describe('files in COCO’s form', () => {
  test('images and categories are numbered by ascending id; an absent area is the box’s', () => {
    const read = cocoSet(truth, [result], where);
    expect(read).toEqual({
      ok: true,
      value: {
        foreign: 0,
        imageIds: [3, 20],
        set: {
          images: 2,
          categories: ['person', 'toothbrush'],
          truths: [{ image: 0, category: 1, box: [10, 20, 30, 40], area: 1200, crowd: true, difficult: false }],
          detections: [{ image: 1, category: 0, box: [0, 0, 5, 5], score: 0.5 }],
        },
      },
    });
  });

  test.each([
    ['detections of other images', truth, [{ ...result, image_id: 'a.jpg' }], 'EVAL_IMAGES: dets.json'],
    ['no category in common', truth, [{ ...result, category_id: 2 }], 'ANNOTATION_CLASS: dets.json'],
    [
      'corners instead of sides',
      truth,
      [{ ...result, bbox: [9, 9, -3, 2] as const }],
      'ANNOTATION_BOX: dets.json: result 0',
    ],
    [
      'an annotation of no image',
      { ...truth, annotations: [{ image_id: 4, category_id: 1, bbox: [0, 0, 1, 1] as const }] },
      [],
      'ANNOTATION_ORPHAN: gt.json: annotation 0',
    ],
    [
      'an annotation of no category',
      { ...truth, annotations: [{ image_id: 3, category_id: 2, bbox: [0, 0, 1, 1] as const }] },
      [],
      'ANNOTATION_CLASS: gt.json: annotation 0',
    ],
  ])('%s is an error that says where', (_, groundTruth, results, message) => {
    const read = cocoSet(groundTruth, results, where);
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.error.message).toContain(message);
  });

  test('a few detections of foreign categories are counted, not scored', () => {
    const read = cocoSet(truth, [result, { ...result, category_id: 7 }], where);
    expect(read.ok && [read.value.foreign, read.value.set.detections.length]).toEqual([1, 1]);
  });
});
