import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { datasetChange, FEWEST_FOR_DRIFT } from './dataset-change.ts';
import type { ComparedItem } from './dataset-change.ts';
import { decide } from './decide.ts';

const now = { datasetVersion: 'b', configSha256: 'c' };
const last = { ...now, runId: 'pets-1' };
const older = { ...last, datasetVersion: 'a' };
const change = { newImages: 12, drift: 0.25 };

describe('a tick', () => {
  it.each([
    ['trains at first', { kind: 'changed' }, null, null, 'train', /first/],
    ['skips when nothing changed', { kind: 'changed' }, last, null, 'skip', /nothing changed since run pets-1/],
    ['trains at every tick if it is told to', { kind: 'always' }, last, null, 'train', /every tick/],
    ['trains on another configuration', { kind: 'changed' }, { ...last, configSha256: 'x' }, null, 'train', /config/],
    ['trains on other data', { kind: 'changed' }, older, change, 'train', /12 new images, drift 0\.250/],
    ['skips too few images', { kind: 'threshold', newImages: 13, drift: null }, older, change, 'skip', /less than 13/],
    ['trains on enough images', { kind: 'threshold', newImages: 12, drift: null }, older, change, 'train', /12 new/],
    ['trains on drift alone', { kind: 'threshold', newImages: 99, drift: 0.2 }, older, change, 'train', /drift/],
    ['skips what drifts less', { kind: 'threshold', newImages: null, drift: 0.3 }, older, change, 'skip', /of 0\.3/],
    [
      'does not take too few images to tell for drift',
      { kind: 'threshold', newImages: null, drift: 0.01 },
      ...[older, { newImages: 3, drift: null }, 'skip', /3 new images since/],
    ],
    [
      'trains on another configuration below a threshold',
      { kind: 'threshold', newImages: 99, drift: null },
      { ...older, configSha256: 'x' },
      change,
      'train',
      /config/,
    ],
  ] as const)('%s', (_, trigger, before, seen, decision, reason) => {
    expect(decide(trigger, now, before, seen)).toMatchObject({ decision, reason: expect.stringMatching(reason) });
  });
});

async function* stream(items: readonly ComparedItem[]): AsyncGenerator<ComparedItem> {
  for (const item of items) yield await Promise.resolve(item);
}
const item = (path: string, overrides: Partial<ComparedItem> = {}): ComparedItem => ({
  ...{ path, label: 'cat', sha256: `hash of ${path}`, sizeBytes: 1000, width: 100, height: 100 },
  ...overrides,
});
const many = (from: number, count: number, overrides: Partial<ComparedItem> = {}): ComparedItem[] =>
  Array.from({ length: count }, (_, i) => item(String(from + i).padStart(5, '0'), overrides));

describe('the change of a data set', () => {
  it('counts paths that were not there and bytes that are others', async () => {
    const sets = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 2 }), fc.integer({ min: 0, max: 1 })), {
      selector: ([path]) => path,
      maxLength: 20,
    });
    const sorted = (set: readonly (readonly [string, number])[]): ComparedItem[] =>
      set
        .map(([path, content]) => item(path, { sha256: String(content) }))
        .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    await fc.assert(
      fc.asyncProperty(sets, sets, async (before, after) => {
        const known = new Set(before.map(([path, content]) => `${path} ${content}`));
        const expected = after.filter(([path, content]) => !known.has(`${path} ${content}`)).length;
        expect((await datasetChange(stream(sorted(before)), stream(sorted(after)))).newImages).toBe(expected);
      }),
    );
  });

  it('has no drift where the new images are as the old ones, and 1 where they have nothing in common', async () => {
    const before = many(0, 100);
    const same = await datasetChange(stream(before), stream([...before, ...many(100, 50)]));
    expect(same).toEqual({ newImages: 50, drift: 0 });
    const others = await datasetChange(stream(before), stream([...before, ...many(100, 50, { label: 'dog' })]));
    expect(others).toEqual({ newImages: 50, drift: 1 });
  });

  it('is the share that would have to be others: of classes, or of bits a pixel, whichever is larger', async () => {
    const before = many(0, 100);
    // 10 of 40 are of another class, 20 of 40 eight times as large in bytes.
    const fresh = [...many(100, 10, { label: 'dog' }), ...many(110, 10), ...many(120, 20, { sizeBytes: 8000 })];
    expect(await datasetChange(stream(before), stream([...before, ...fresh]))).toEqual({ newImages: 40, drift: 0.5 });
  });

  it('says nothing of drift from too few images', async () => {
    const fresh = many(0, FEWEST_FOR_DRIFT - 1, { label: 'dog' });
    expect((await datasetChange(stream([]), stream(fresh))).drift).toBeNull();
  });
});
