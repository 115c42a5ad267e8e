import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { WRONG, all, bytes, keysUnder, outcome, sha256 } from './object-store-kit.ts';
import type { StoreKit } from './object-store-kit.ts';

/** What is absent, damaged, given up, or not to be had. */
export function describeFailures(kit: StoreKit): void {
  describe('what is not there', () => {
    it('is null, or STORE_NOT_FOUND with bucket and key', async () => {
      const key = `${kit.prefix()}absent`;
      expect(await kit.store().get(key)).toBeNull();
      expect(await kit.store().head(key)).toBeNull();
      const path = join(kit.folder(), 'absent', 'out');
      for (const call of [() => kit.store().getFile(key, path), () => kit.store().stream(key)]) {
        await expect(call()).rejects.toMatchObject({
          code: 'STORE_NOT_FOUND',
          message: expect.stringContaining(`s3://${kit.store().bucket}/${key}`),
        });
      }
      expect(await readdir(join(kit.folder(), 'absent'))).toEqual([]);
    });

    it('can be deleted, twice', async () => {
      const key = `${kit.prefix()}object`;
      await kit.store().put(key, bytes('x'));
      await kit.store().delete(key);
      await kit.store().delete(key);
      expect(await kit.store().get(key)).toBeNull();
      await kit.store().delete(`${kit.prefix()}never/was`);
    });

    it('deleting one leaves its neighbours', async () => {
      const under = kit.prefix();
      for (const name of ['a/1', 'a/2', 'ab']) await kit.store().put(under + name, bytes(name));
      await kit.store().delete(`${under}a/1`);
      expect(await keysUnder(kit.store(), under)).toEqual([`${under}a/2`, `${under}ab`]);
    });
  });

  describe('verification', () => {
    it('of a read that is not what was asked for: STORE_CORRUPT, and no file appears', async () => {
      const key = `${kit.prefix()}object`;
      await kit.store().put(key, bytes('hello'));
      expect(await outcome(kit.store().get(key, { sha256: WRONG }))).toBe('STORE_CORRUPT');
      const path = join(kit.folder(), 'verified', 'out');
      expect(await outcome(kit.store().getFile(key, path, { sha256: WRONG }))).toBe('STORE_CORRUPT');
      expect(await readdir(join(kit.folder(), 'verified'))).toEqual([]);
      await kit.store().getFile(key, path, { sha256: sha256(bytes('hello')) });
      expect(await outcome(kit.store().getFile(key, path, { sha256: WRONG }))).toBe('STORE_CORRUPT');
      expect(await readFile(path, 'utf8'), 'the file that was there').toBe('hello');
      expect(await readdir(join(kit.folder(), 'verified'))).toEqual(['out']);
    });

    it('of a file that is not what it was said to be: STORE_CORRUPT, and no object appears', async () => {
      for (const size of [100, kit.harness().partSizeBytes + 100]) {
        const key = `${kit.prefix()}file`;
        expect(await outcome(kit.store().putFile(key, await kit.fileOf(randomBytes(size)), WRONG))).toBe(
          'STORE_CORRUPT',
        );
        expect(await kit.store().head(key)).toBeNull();
      }
    });

    it('of a file that is not there: FILE_MISSING', async () => {
      expect(await outcome(kit.store().putFile(`${kit.prefix()}file`, join(kit.folder(), 'none'), WRONG))).toBe(
        'FILE_MISSING',
      );
    });

    it('of a size that is too large for memory: STORE_SIZE', async () => {
      const key = `${kit.prefix()}object`;
      await kit.store().put(key, bytes('0123456789'));
      expect(await outcome(kit.store().get(key, { maxBytes: 9 }))).toBe('STORE_SIZE');
      expect(await outcome(kit.store().get(key, { maxBytes: 10 }))).toBe('ok');
    });
  });

  describe('giving up', () => {
    it('before it starts: CANCELLED, and nothing is written', async () => {
      const key = `${kit.prefix()}object`;
      const signal = AbortSignal.abort();
      const path = await kit.fileOf(bytes('x'));
      const calls = [
        kit.store().put(key, bytes('x'), { signal }),
        kit.store().putIfAbsent(key, bytes('x'), { signal }),
        kit.store().putFile(key, path, sha256(bytes('x')), { signal }),
        kit.store().get(key, { signal }),
        kit.store().head(key, { signal }),
        kit.store().stream(key, { signal }),
        all(kit.store().list('', { signal })),
      ];
      expect(await Promise.all(calls.map(outcome))).toEqual(calls.map(() => 'CANCELLED'));
      expect(await kit.store().head(key)).toBeNull();
    });

    it('leaving streams unread or half read costs nothing that follows', async () => {
      const key = `${kit.prefix()}object`;
      await kit.store().put(key, randomBytes(3_000_000));
      for (let i = 0; i < 40; i++) {
        const body = await kit.store().stream(key);
        if (i % 2 === 1) for await (const chunk of body) if (chunk !== null) break;
        body.destroy();
      }
      expect((await kit.store().head(key))?.sizeBytes).toBe(3_000_000);
    });
  });

  describe('a store that can not be used', () => {
    const everyCall = (broken: ObjectStore): Promise<string[]> =>
      Promise.all(
        [
          broken.put('a', bytes('x')),
          broken.putIfAbsent('a', bytes('x')),
          broken.get('a'),
          broken.stream('a'),
          broken.getFile('a', join(kit.folder(), 'broken')),
          all(broken.list('')),
          broken.delete('a'),
          broken.head('a'),
          broken.putIfMatch('a', bytes('x'), 'tag'),
        ].map(outcome),
      );

    it.for([
      ['denied', 'STORE_DENIED'],
      ['unreachable', 'STORE_UNREACHABLE'],
      ['noBucket', 'STORE_BUCKET'],
    ] as const)('%s: %s from every call', async ([which, code], { skip }) => {
      const broken = kit.harness()[which];
      if (!broken) return skip('nothing to break');
      expect(new Set(await everyCall(broken))).toEqual(new Set([code]));
    });
  });
}
