import { describe, expect, it } from 'vitest';
import { createFakeSource, manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import { chunksOf, fingerprint } from './listing.ts';
import type { ListingFingerprint } from './listing.ts';

const never = new AbortController().signal;
const source = () => {
  const made = createFakeSource(manyPictures({ cat: 3, dog: 3 }));
  let listings = 0;
  made.onList = () => void listings++;
  return { made, listings: () => listings };
};
const look = (from: ReturnType<typeof source>, mostKept?: number) =>
  fingerprint(from.made, never, () => undefined, mostKept);

async function pathsOf({ made }: ReturnType<typeof source>, before: ListingFingerprint): Promise<string[]> {
  const paths: string[] = [];
  for await (const { entries } of chunksOf(made, before, never)) paths.push(...entries.map(({ path }) => path));
  return paths;
}

describe('the listing of a data set', () => {
  it('is read once where it is small, and twice where it is not kept', async () => {
    for (const [mostKept, times] of [
      [6, 1],
      [5, 2],
    ] as const) {
      const from = source();
      const before = await look(from, mostKept);
      expect(await pathsOf(from, before)).toEqual([...from.made.files.keys()]);
      expect([before.entries, from.listings()]).toEqual([6, times]);
    }
  });

  it('has the same hash and the same chunks either way', async () => {
    const [kept, again] = [await look(source()), await look(source(), 0)];
    expect([kept.kept?.length, again.kept]).toEqual([6, null]);
    expect(kept.sha256).toBe(again.sha256);
  });

  it('is another one where files came between two readings', async () => {
    const from = source();
    const before = await look(from, 5);
    from.made.files.set('dog/late.png', pictureText('late'));
    await expect(pathsOf(from, before)).rejects.toMatchObject({ code: 'DATASET_CHANGED', kind: 'transient' });
  });
});
