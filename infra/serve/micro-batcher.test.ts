import { describe, expect, it } from 'vitest';
import { MicroBatcher } from './micro-batcher.ts';

/** Batches that end when they are told to. */
function gated(maxBatch: number, maxWaiting: number) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const batcher = new MicroBatcher<number, number>({
    maxBatch,
    maxWaiting,
    run: async (items) => {
      batches.push([...items]);
      await new Promise<void>((resolve) => gates.push(resolve));
      if (items.includes(13)) throw new Error('thirteen');
      return items.map((item) => item * 10);
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const open = async () => {
    gates.shift()?.();
    await turn();
  };
  return { batcher, batches, open, turn };
}

describe('MicroBatcher', () => {
  it('answers one at once and those that came meanwhile together, each with its own', async () => {
    const { batcher, batches, open, turn } = gated(3, 10);
    const first = batcher.submit(1);
    await turn();
    const rest = [2, 3, 4, 5].map((item) => batcher.submit(item));
    await open();
    expect(await first).toBe(10);
    await open();
    await open();
    expect(await Promise.all(rest)).toEqual([20, 30, 40, 50]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('puts together what comes in one turn', async () => {
    const { batcher, batches, open, turn } = gated(8, 10);
    const all = Promise.all([1, 2, 3].map((item) => batcher.submit(item)));
    await turn();
    await open();
    expect(await all).toEqual([10, 20, 30]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('refuses what is too much, and takes again afterwards', async () => {
    const { batcher, open, turn } = gated(1, 2);
    const taken = [batcher.submit(1)];
    await turn();
    taken.push(batcher.submit(2), batcher.submit(3));
    await expect(batcher.submit(4)).rejects.toMatchObject({ code: 'SERVE_BUSY' });
    for (let i = 0; i < 3; i++) await open();
    expect(await Promise.all(taken)).toEqual([10, 20, 30]);
    const again = batcher.submit(5);
    await turn();
    await open();
    expect(await again).toBe(50);
  });

  it('fails those of a batch that failed, and no others', async () => {
    const { batcher, open, turn } = gated(2, 10);
    const outcomes = Promise.allSettled([13, 1, 2].map((item) => batcher.submit(item)));
    await turn();
    await open();
    await open();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });
});
