import { expect, it } from 'vitest';
import { BatchBuffers } from './batch-buffers.ts';

it('gives the memory of the batch before last again, and no other', () => {
  const buffers = new BatchBuffers(3, 4);
  const [first, second, third] = [buffers.next(4), buffers.next(4), buffers.next(4)];
  expect(first.buffer).not.toBe(second.buffer);
  expect(third.buffer).toBe(first.buffer);
});

it('gives just as much as the rows of a last batch need', () => {
  const buffers = new BatchBuffers(3, 4);
  expect(buffers.next(4)).toHaveLength(12);
  expect(buffers.next(1)).toHaveLength(3);
  expect(() => buffers.next(5)).toThrow('more than a batch');
});
