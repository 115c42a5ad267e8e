import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryObjectStore } from '../test/fakes/memory-object-store.ts';
import { withRecentBlobs } from './recent-blobs.ts';

function setUp(limits?: Parameters<typeof withRecentBlobs>[1]) {
  const calls: string[] = [];
  const inner = createMemoryObjectStore({ before: (call) => void calls.push(call) });
  return { inner, calls, store: withRecentBlobs(inner, limits) };
}

function blobOf(text: string): { key: string; body: Buffer } {
  const sha256 = createHash('sha256').update(text).digest('hex');
  return { key: `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`, body: Buffer.from(text) };
}

const textOf = (found: { body: Uint8Array } | null): string | undefined =>
  found?.body && Buffer.from(found.body).toString();

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('withRecentBlobs', () => {
  it('answers with what it has stored, and asks the store for the rest', async () => {
    const { inner, calls, store } = setUp();
    const [mine, other] = [blobOf('mine'), blobOf('other')];
    const { etag } = { etag: await store.put(mine.key, mine.body) };
    await inner.put(other.key, other.body);
    expect(await store.get(mine.key)).toMatchObject({ etag });
    expect(textOf(await store.get(other.key))).toBe('other');
    expect(calls.filter((call) => call === 'get')).toHaveLength(1);
  });

  it('remembers a conditional write only if it was this one', async () => {
    const { inner, calls, store } = setUp();
    const [first, second] = [blobOf('first'), blobOf('second')];
    await inner.put(second.key, Buffer.from('cut short'));
    expect((await store.putIfAbsent(first.key, first.body)).kind).toBe('written');
    expect((await store.putIfAbsent(second.key, second.body)).kind).toBe('conflict');
    expect(textOf(await store.get(first.key))).toBe('first');
    expect(textOf(await store.get(second.key))).toBe('cut short');
    expect(calls.filter((call) => call === 'get')).toHaveLength(1);
  });

  it('does not take what has changed in memory', async () => {
    const { calls, store } = setUp();
    const { key, body } = blobOf('picture');
    await store.put(key, body);
    body[0] = 0;
    await store.get(key);
    expect(calls).toContain('get');
  });

  it('remembers only keys that name their content', async () => {
    const { calls, store } = setUp();
    await store.put('models/a/aliases.json', Buffer.from('{}'));
    await store.get('models/a/aliases.json');
    expect(calls).toContain('get');
  });

  it('lets the oldest go, what is deleted, and all of it after a while', async () => {
    const { calls, store } = setUp({ maxBytes: 2_000, keptMs: 1_000 });
    const gets = (): number => calls.filter((call) => call === 'get').length;
    const blobs = ['a', 'b', 'c', 'd'].map((name) => blobOf(name.repeat(100)));
    for (const { key, body } of blobs) await store.put(key, body);
    const [oldest, ...others] = blobs.map(({ key }) => key);
    await store.get(oldest ?? '');
    expect(gets()).toBe(1);
    for (const key of others) await store.get(key);
    expect(gets()).toBe(1);
    await store.delete(others[0] ?? '');
    expect(await store.get(others[0] ?? '')).toBeNull();
    expect(gets()).toBe(2);
    vi.advanceTimersByTime(1_000);
    await store.get(others[1] ?? '');
    expect(gets()).toBe(3);
  });
});
