import { describe, expect, test } from 'vitest';
import { gridAnchorDefaults, gridAnchors, ssdAnchors, ssdShapes, ssdAnchorDefaults, tileAnchors } from './anchors.ts';

const both = (side: number) => ({ height: side, width: side });

function expectBoxes(actual: Float32Array, expected: readonly (readonly number[])[]): void {
  expect(actual.length).toBe(expected.length * 4);
  for (const [index, value] of expected.flat().entries()) expect(actual[index]).toBeCloseTo(value, 5);
}

const square = (px: number) => ({ heightPx: px, widthPx: px });
const grids = (...sides: number[]) => sides.map((side) => ({ rows: side, columns: side }));

describe('tiling, against the values of multiple_grid_anchor_generator_test.py', () => {
  test('nine shapes on one cell', () => {
    const shapes = [0.25, 1, 4].flatMap((aspectRatio) => [0.5, 1, 2].map((scale) => ({ scale, aspectRatio })));
    const tiling = { base: both(256), stride: both(16), offset: { height: 7, width: -3 } };
    expectBoxes(tileAnchors({ rows: 1, columns: 1 }, shapes, tiling), [
      [-121, -35, 135, 29],
      [-249, -67, 263, 61],
      [-505, -131, 519, 125],
      [-57, -67, 71, 61],
      [-121, -131, 135, 125],
      [-249, -259, 263, 253],
      [-25, -131, 39, 125],
      [-57, -259, 71, 253],
      [-121, -515, 135, 509],
    ]);
  });

  test('three shapes on four cells: shapes fastest, then columns', () => {
    const shapes = [0.5, 1, 2].map((scale) => ({ scale, aspectRatio: 1 }));
    const tiling = { base: both(10), stride: both(19), offset: both(0) };
    expectBoxes(tileAnchors({ rows: 2, columns: 2 }, shapes, tiling), [
      [-2.5, -2.5, 2.5, 2.5],
      [-5, -5, 5, 5],
      [-10, -10, 10, 10],
      [-2.5, 16.5, 2.5, 21.5],
      [-5, 14, 5, 24],
      [-10, 9, 10, 29],
      [16.5, -2.5, 21.5, 2.5],
      [14, -5, 24, 5],
      [9, -10, 29, 10],
      [16.5, 16.5, 21.5, 21.5],
      [14, 14, 24, 24],
      [9, 9, 29, 29],
    ]);
  });
});

describe('SSD', () => {
  test('has 1,917 anchors at 300 × 300, three a cell on the finest grid and six on the others', () => {
    const anchors = ssdAnchors(square(300), grids(19, 10, 5, 3, 2, 1));
    expect(anchors.length / 4).toBe(1917);
    expect(19 * 19 * 3 + (100 + 25 + 9 + 4 + 1) * 6).toBe(1917);
    // The first cell’s centre lies half a stride in: .5/19. Sizes by hand: (.1, .1), (.2/√2, .2·√2), (.2·√2, .2/√2).
    const centre = 0.5 / 19;
    const around = (height: number, width: number): number[] => [
      centre - height / 2,
      centre - width / 2,
      centre + height / 2,
      centre + width / 2,
    ];
    const root = Math.SQRT2;
    expectBoxes(anchors.slice(0, 12), [
      around(0.1, 0.1),
      around(0.2 / root, 0.2 * root),
      around(0.2 * root, 0.2 / root),
    ]);
    // The last: on the whole image, between .95 and 1.
    const last = Math.sqrt(0.95);
    expectBoxes(anchors.slice(-4), [[0.5 - last / 2, 0.5 - last / 2, 0.5 + last / 2, 0.5 + last / 2]]);
  });

  test('has the published scales, and between two layers the geometric mean', () => {
    const layers = ssdShapes(6, ssdAnchorDefaults);
    expect(layers.slice(1).map((shapes) => shapes[0]?.scale)).toEqual(
      [0.35, 0.5, 0.65, 0.8, 0.95].map((scale): unknown => expect.closeTo(scale, 12)),
    );
    expect(layers.slice(1).map((shapes) => shapes.at(-1)?.scale)).toEqual(
      [0.4183, 0.5701, 0.7211, 0.8718, 0.9747].map((scale): unknown => expect.closeTo(scale, 4)),
    );
    expect(layers.map((shapes) => shapes.length)).toEqual([3, 6, 6, 6, 6, 6]);
  });

  test('has as many anchors as create_ssd_anchors makes of the six grids of its test', () => {
    const sides = grids(38, 19, 10, 5, 3, 1);
    const full = { ...ssdAnchorDefaults, reduceLowestLayer: false };
    expect(ssdAnchors(square(300), sides).length / 4).toBe(7308);
    expect(ssdAnchors(square(300), sides, full).length / 4).toBe(11640);
  });

  test('keeps shapes square in pixels on an image that is not', () => {
    const one = {
      ...ssdAnchorDefaults,
      minScale: 1,
      aspectRatios: [1],
      interpolatedAspectRatio: 0,
      reduceLowestLayer: false,
    };
    expectBoxes(ssdAnchors({ heightPx: 320, widthPx: 640 }, [{ rows: 1, columns: 2 }], one), [
      [0, 0, 1, 0.5],
      [0, 0.5, 1, 1],
    ]);
  });
});

test('the region proposal network has twelve shapes a cell, scales fastest, around whole strides', () => {
  const anchors = gridAnchors({ rows: 2, columns: 3 });
  expect(anchors.length / 4).toBe(72);
  const root = Math.SQRT2;
  expectBoxes(anchors.slice(0, 8), [
    [-32 * root, -32 / root, 32 * root, 32 / root],
    [-64 * root, -64 / root, 64 * root, 64 / root],
  ]);
  expectBoxes(anchors.slice(12 * 4, 12 * 4 + 4), [[-32 * root, 16 - 32 / root, 32 * root, 16 + 32 / root]]);
});

test('anchors that are given by their sides lie around the same centres', () => {
  const shapes = [
    [20, 40],
    [64, 16],
  ] as const;
  expectBoxes(gridAnchors({ rows: 1, columns: 2 }, { ...gridAnchorDefaults, shapes }), [
    [-10, -20, 10, 20],
    [-32, -8, 32, 8],
    [-10, -4, 10, 36],
    [-32, 8, 32, 24],
  ]);
});
