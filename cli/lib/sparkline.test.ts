import { describe, expect, it } from 'vitest';
import { sparkline } from './sparkline.ts';

describe('a line of blocks', () => {
  it('goes from the lowest to the highest', () => {
    expect(sparkline([8, 4, 2, 1], 10)).toBe('█▄▂▁');
    expect(sparkline([3, 3], 10)).toBe('▁▁');
    expect(sparkline([], 10)).toBe('');
  });
  it('is no longer than asked, however much there is', () => {
    const values = Array.from({ length: 1001 }, (_, i) => i);
    expect(sparkline(values, 24)).toHaveLength(24);
    expect(sparkline(values, 24)).toMatch(/^▁.*█$/);
  });
});
