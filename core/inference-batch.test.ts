import { describe, expect, it } from 'vitest';
import { inferenceBatch } from './inference-batch.ts';

describe('how many pictures go through a model together', () => {
  it('one where a picture has proposals, many else', () => {
    expect(inferenceBatch({ detector: { kind: 'faster-rcnn' } })).toBe(1);
    expect(inferenceBatch({ detector: { kind: 'faster-rcnn' } }, 16)).toBe(1);
    expect(inferenceBatch({ detector: { kind: 'ssd' } })).toBe(32);
    expect(inferenceBatch({}, 16)).toBe(16);
  });
});
