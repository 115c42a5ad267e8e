import { describe, expect, it } from 'vitest';
import { bytes, text } from './object-store-kit.ts';
import type { StoreKit } from './object-store-kit.ts';

/** Commit markers and moving pointers, alone and in races. */
export function describeConditions(kit: StoreKit): void {
  describe('conditional writes', () => {
    it('putIfAbsent writes once', async () => {
      const key = `${kit.prefix()}marker`;
      const first = await kit.store().putIfAbsent(key, bytes('mine'));
      expect(first.kind).toBe('written');
      expect(await kit.store().putIfAbsent(key, bytes('other'))).toEqual({ kind: 'conflict' });
      expect(await kit.store().putIfAbsent(key, bytes('else'))).toEqual({ kind: 'conflict' });
      const got = await kit.store().get(key);
      expect(text(got?.body)).toBe('mine');
      expect(first).toEqual({ kind: 'written', etag: got?.etag });
      await kit.store().delete(key);
      expect((await kit.store().putIfAbsent(key, bytes('again'))).kind).toBe('written');
    });

    it('putIfAbsent of the same bytes is written: an acknowledgement may have been lost', async () => {
      const key = `${kit.prefix()}marker`;
      const first = await kit.store().putIfAbsent(key, bytes('mine'));
      expect(await kit.store().putIfAbsent(key, bytes('mine'))).toEqual(first);
    });

    it('of 20 that write at once one wins, and its bytes stand', async () => {
      const key = `${kit.prefix()}marker`;
      const writers = Array.from({ length: 20 }, (_, i) => bytes(`writer ${i} ${'x'.repeat(i * 100)}`));
      const answers = await Promise.all(writers.map((body) => kit.store().putIfAbsent(key, body)));
      const winners = answers.flatMap((answer, i) => (answer.kind === 'written' ? [i] : []));
      expect(winners).toHaveLength(1);
      expect(text((await kit.store().get(key))?.body)).toBe(text(writers[winners[0]!]));
    });

    it('putIfMatch moves from the tag that was read, and from no other', async () => {
      const key = `${kit.prefix()}pointer`;
      const first = await kit.store().put(key, bytes('v1'));
      const moved = await kit.store().putIfMatch(key, bytes('v2'), first);
      expect(moved.kind).toBe('written');
      expect(await kit.store().putIfMatch(key, bytes('v3'), first)).toEqual({ kind: 'conflict' });
      expect(await kit.store().putIfMatch(key, bytes('v4'), 'no-such-tag')).toEqual({ kind: 'conflict' });
      const got = await kit.store().get(key);
      expect(text(got?.body)).toBe('v2');
      expect(moved).toEqual({ kind: 'written', etag: got?.etag });
      expect(await kit.store().putIfMatch(key, bytes('v2'), first), 'acknowledgement lost').toEqual(moved);
    });

    it('putIfMatch on what is not there is a conflict and writes nothing', async () => {
      const key = `${kit.prefix()}pointer`;
      expect(await kit.store().putIfMatch(key, bytes('v1'), '0123456789abcdef')).toEqual({ kind: 'conflict' });
      const etag = await kit.store().put(key, bytes('v1'));
      await kit.store().delete(key);
      expect(await kit.store().putIfMatch(key, bytes('v2'), etag)).toEqual({ kind: 'conflict' });
      expect(await kit.store().head(key)).toBeNull();
    });

    it('of 20 that move a pointer at once one wins, round after round', async () => {
      const key = `${kit.prefix()}pointer`;
      let etag = await kit.store().put(key, bytes('start'));
      for (let round = 0; round < 5; round++) {
        const bodies = Array.from({ length: 20 }, (_, i) => bytes(`round ${round} writer ${i}`));
        const answers = await Promise.all(bodies.map((body) => kit.store().putIfMatch(key, body, etag)));
        const winners = answers.flatMap((answer, i) => (answer.kind === 'written' ? [i] : []));
        expect(winners).toHaveLength(1);
        const got = await kit.store().get(key);
        expect(text(got?.body)).toBe(text(bodies[winners[0]!]));
        etag = got!.etag;
      }
    });
  });
}
