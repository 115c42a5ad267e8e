import { expect, it } from 'vitest';
import { CROWD, DIFFICULT, framedBoxes } from './framed-boxes.ts';

const classes = new Map([
  ['cat', 0],
  ['dog', 1],
]);
const picture = {
  ...{ width: 200, height: 100 },
  boxes: [
    { label: 'dog', xMin: 100, yMin: 0, xMax: 200, yMax: 50 },
    { label: 'cat', xMin: 0, yMin: 50, xMax: 20, yMax: 100, crowd: true, difficult: true },
  ],
};
const framed = (resize: 'stretch' | 'pad' | 'crop') =>
  framedBoxes([picture, { width: 10, height: 10, boxes: [] }, picture], classes, {
    heightPx: 100,
    widthPx: 100,
    resize,
  });

it('gives boxes in shares of the frame, back to back, with counts, classes and flags', () => {
  const { counts, boxes, labels, flags } = framed('stretch');
  expect([...counts]).toEqual([2, 0, 2]);
  expect([...labels]).toEqual([1, 0, 1, 0]);
  expect([...flags]).toEqual([0, CROWD | DIFFICULT, 0, CROWD | DIFFICULT]);
  const wanted = [0, 0.5, 0.5, 1, 0.5, 0, 1, 0.1];
  wanted.forEach((side, index) => expect(boxes[index]).toBeCloseTo(side, 6));
});

it('puts them between the borders of a padded frame', () => {
  const [top, left, bottom, right] = framed('pad').boxes;
  [top, left, bottom, right].forEach((side, index) => expect(side).toBeCloseTo([0.25, 0.5, 0.5, 1][index]!, 6));
});

it('cuts at the edge of a crop, and leaves out what lies outside of it', () => {
  // The middle 100 of 200 pixels across: the dog's left half is in it, the cat is not.
  const { counts, boxes, labels } = framed('crop');
  expect([...counts]).toEqual([1, 0, 1]);
  expect([...labels]).toEqual([1, 1]);
  [0, 0.5, 0.5, 1].forEach((side, index) => expect(boxes[index]).toBeCloseTo(side, 6));
});
