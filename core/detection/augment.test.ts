import { describe, expect, it } from 'vitest';
import { AugmentConfig } from '../../contracts/augment-config.ts';
import { applyTransform, invert } from '../augment/transform.ts';
import { augmentObjects } from './augment.ts';
import type { Objects } from './targets.ts';

const size = { heightPx: 40, widthPx: 80 };
const objects: Objects = { boxes: Float64Array.of(0.25, 0.125, 0.75, 0.5, 0.5, 0.75, 1, 1), labels: [2, 0] };
const address = (index: number) => ({ seed: 3, epoch: 5, index });
const moved = (settings: object, index = 0) =>
  augmentObjects(objects, AugmentConfig.parse(settings), address(index), size);

describe('boxes under augmentation', () => {
  it('stay where nothing is drawn, with their classes', () => {
    expect(moved({}).objects).toEqual({ boxes: objects.boxes, labels: [2, 0] });
  });

  it('are mirrored with the picture', () => {
    const { boxes, labels } = moved({ flipHorizontal: 1 }).objects;
    [0.25, 0.5, 0.75, 0.875, 0.5, 0, 1, 0.25].forEach((side, index) => expect(boxes[index]).toBeCloseTo(side, 12));
    expect(labels).toEqual([2, 0]);
  });

  it('go where the pixels of their corners go, and are cut at the edge', () => {
    for (let index = 0; index < 200; index++) {
      const { objects: out, transform } = moved({ boxCrop: { keep: 0, minKept: 0.01 }, flipVertical: 0.5 }, index);
      const forward = invert(transform);
      for (let k = 0; k < out.labels.length; k++) {
        const source = out.labels[k] === 2 ? 0 : 1;
        const [top = 0, left = 0, bottom = 0, right = 0] = objects.boxes.subarray(source * 4, source * 4 + 4);
        const corners = [
          [left, top],
          [right, bottom],
        ].map(([x = 0, y = 0]) => {
          const [u, v] = applyTransform(forward, [x * size.widthPx - 0.5, y * size.heightPx - 0.5]);
          return [(u + 0.5) / size.widthPx, (v + 0.5) / size.heightPx] as const;
        });
        const within = (value: number): number => Math.min(1, Math.max(0, value));
        const xs = corners.map(([x]) => within(x));
        const ys = corners.map(([, y]) => within(y));
        const wanted = [Math.min(...ys), Math.min(...xs), Math.max(...ys), Math.max(...xs)];
        wanted.forEach((side, at) => expect(out.boxes[k * 4 + at]).toBeCloseTo(side, 9));
      }
    }
  });

  it('is a function of the address alone', () => {
    const settings = { boxCrop: {}, flipHorizontal: 0.5 };
    expect(moved(settings, 7)).toEqual(moved(settings, 7));
    expect(moved(settings, 7)).not.toEqual(moved(settings, 8));
  });
});

describe('SSD’s random part', () => {
  it('shows of some object as much as was drawn, and never nothing', () => {
    for (let index = 0; index < 300; index++) {
      const { objects: out } = moved({ boxCrop: { keep: 0, minCovered: [1] } }, index);
      expect(out.labels.length).toBeGreaterThan(0);
    }
  });

  it('leaves the share of pictures whole that it is asked to', () => {
    const whole = Array.from({ length: 2000 }, (_, index) => moved({ boxCrop: { keep: 0.15 } }, index)).filter(
      ({ transform }) => transform[0] === 1 && transform[4] === 1,
    ).length;
    // 300 are expected: four standard deviations are 64; a few more find no part that shows enough.
    expect(whole).toBeGreaterThan(236);
    expect(whole).toBeLessThan(420);
  });

  it('drops an object of which too little is left', () => {
    for (let index = 0; index < 200; index++) {
      const { objects: out } = moved({ boxCrop: { keep: 0, minKept: 0.9, minCovered: [0] } }, index);
      for (let k = 0; k < out.labels.length; k++) {
        const box = out.boxes.subarray(k * 4, k * 4 + 4);
        expect((box[2] ?? 0) - (box[0] ?? 0)).toBeGreaterThan(0);
      }
    }
  });
});
