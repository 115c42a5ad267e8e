import { describe, expect, it } from 'vitest';
import { workOf } from './work.ts';
import type { WorkShape } from './work.ts';

const shape: WorkShape = {
  backbone: 'resnet50-v1.5',
  strategy: 'scratch',
  lastN: 1,
  cut: null,
  classes: 1000,
  heightPx: 224,
  widthPx: 224,
};

describe('workOf', () => {
  it('counts what is published of ResNet50 V1.5: 4.1 G multiply-adds, 25.6 M parameters', () => {
    const { forward, parameters, step } = workOf(shape);
    expect(forward / 1e9).toBeCloseTo(4.09, 1);
    expect(parameters / 1e6).toBeCloseTo(25.6, 1);
    expect(step).toBe(3 * forward);
  });

  it('leaves a frozen head its own product alone, and goes with the area', () => {
    const head = workOf({ ...shape, strategy: 'head', classes: 10 });
    expect(head.step).toBe(3 * 2048 * 10);
    expect(head.trainable).toBe(2048 * 10 + 10);
    expect(workOf({ ...shape, heightPx: 112, widthPx: 112 }).forward / workOf(shape).forward).toBeCloseTo(0.25, 2);
  });

  it('splits where the last blocks begin', () => {
    const { forward, frozen, step } = workOf({ ...shape, strategy: 'last-n', lastN: 2 });
    expect(step).toBe(3 * (forward - frozen));
    expect(frozen).toBeGreaterThan(0.8 * forward);
  });

  it('ends at a cut', () => {
    expect(workOf({ ...shape, strategy: 'svm', cut: 'blocks.2' }).trainable).toBe(256 * 1000 + 1000);
  });
});
