import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WRONG, all, bytes, collect, keysUnder, outcome, sha256, text } from './object-store-kit.ts';
import type { StoreKit } from './object-store-kit.ts';

/** What is written comes back, under any key, and is listed. */
export function describeContent(kit: StoreKit): void {
  describe('round trips', () => {
    it.each([0, 1, 255, 65_537, 3_000_000])('%i bytes', async (size) => {
      const key = `${kit.prefix()}object.bin`;
      const body = randomBytes(size);
      const etag = await kit.store().put(key, body, { contentType: 'image/png' });
      const got = await kit.store().get(key, { sha256: sha256(body) });
      expect(Buffer.compare(got?.body ?? bytes('nothing'), body)).toBe(0);
      expect(got?.etag).toBe(etag);
      expect(await kit.store().head(key)).toMatchObject({ key, sizeBytes: size, etag });
      expect(Buffer.compare(await collect(await kit.store().stream(key)), body)).toBe(0);
    });

    it('writes over what is there, with another tag', async () => {
      const key = `${kit.prefix()}object`;
      const first = await kit.store().put(key, bytes('one'));
      const second = await kit.store().put(key, bytes('second'));
      expect(second).not.toBe(first);
      expect(text((await kit.store().get(key))?.body)).toBe('second');
      expect(await kit.store().head(key)).toMatchObject({ sizeBytes: 6, etag: second });
    });

    it('a view of a larger buffer is only that view', async () => {
      const key = `${kit.prefix()}view`;
      await kit.store().put(key, bytes('0123456789').subarray(3, 6));
      expect(text((await kit.store().get(key))?.body)).toBe('345');
    });

    it('files that are empty, as large as a part, larger, and of several parts', async () => {
      const part = kit.harness().partSizeBytes;
      for (const size of [0, 10, part, part + 1, 3 * part + 12_345]) {
        const body = randomBytes(size);
        const key = `${kit.prefix()}file.bin`;
        await kit.store().putFile(key, await kit.fileOf(body), sha256(body));
        const path = join(kit.folder(), 'new', String(size), 'out');
        await kit.store().getFile(key, path, { sha256: sha256(body) });
        expect(Buffer.compare(await readFile(path), body)).toBe(0);
        expect((await kit.store().head(key))?.sizeBytes).toBe(size);
      }
    });
  });

  describe('keys', () => {
    const odd = [
      'spaces in  it.jpg',
      'plus+percent%25%zz.jpg',
      'quotes\'"`<>&amp;.xml',
      'query?a=b&c=#frag;x,y:z@!$*()[]{}|\\^~',
      'ünïcödé-é-e\u0301.png',
      '雪/猫.png',
      '😀.gif',
      '007',
      '0x10',
      '...',
      'x'.repeat(200),
    ];

    const bad = ['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a\0b', 'x'.repeat(1025)];

    it.each(odd.map((name) => [name.slice(0, 40), name] as const))('%s', async (_, name) => {
      const key = `${kit.prefix()}${name}`;
      await kit.store().put(key, bytes(key));
      expect(text((await kit.store().get(key))?.body)).toBe(key);
      expect((await kit.store().head(key))?.key).toBe(key);
      expect(await keysUnder(kit.store(), key)).toEqual([key]);
      await kit.store().delete(key);
      expect(await kit.store().head(key)).toBeNull();
    });

    it.each(bad.map((key) => [key.slice(0, 20), key] as const))('refuses %j', async (_, key) => {
      const calls = [
        kit.store().put(key, bytes('x')),
        kit.store().putIfAbsent(key, bytes('x')),
        kit.store().putIfMatch(key, bytes('x'), 'tag'),
        kit.store().putFile(key, '/nowhere', WRONG),
        kit.store().get(key),
        kit.store().getFile(key, '/nowhere/else'),
        kit.store().stream(key),
        kit.store().head(key),
        kit.store().delete(key),
      ];
      expect(await Promise.all(calls.map(outcome))).toEqual(calls.map(() => 'KEY_INVALID'));
    });

    it('refuses prefixes that leave the bucket', async () => {
      for (const prefix of ['../', '/', 'a/../', 'a\0']) {
        expect(await outcome(keysUnder(kit.store(), prefix))).toBe('KEY_INVALID');
      }
    });
  });

  describe('list', () => {
    it('goes in the order of UTF-8 bytes, and by prefix, not by folder', async () => {
      const under = kit.prefix();
      const keys = ['B/1', 'a-1/x', 'a.1/x', 'a/1-y', 'a/1/x', 'a/10', 'a1/x', 'ab', 'é', '～', '😀'];
      await Promise.all([...keys].reverse().map((key) => kit.store().put(under + key, bytes(key))));
      expect(await keysUnder(kit.store(), under)).toEqual(keys.map((key) => under + key));
      expect(await keysUnder(kit.store(), `${under}a/1`)).toEqual(['a/1-y', 'a/1/x', 'a/10'].map((key) => under + key));
      expect(await keysUnder(kit.store(), `${under}nothing`)).toEqual([]);
    });

    it('tells sizes, tags and times', async () => {
      const under = kit.prefix();
      const etag = await kit.store().put(`${under}one`, bytes('12345'));
      const [info] = await all(kit.store().list(under));
      expect(info).toMatchObject({ key: `${under}one`, sizeBytes: 5, etag });
      expect(info?.modifiedAt.getTime()).toBeGreaterThan(Date.UTC(2020, 0, 1));
    });

    it('pages through more than 1,000 keys, each once, in order', async () => {
      const under = kit.prefix();
      const keys = Array.from({ length: 1105 }, (_, i) => `${under}${String(i * 7919).padStart(8, '0')} +%é`);
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => kit.store().put(key, bytes(''))));
      }
      expect(await keysUnder(kit.store(), under)).toEqual(keys);
    });

    it('may be left early', async () => {
      const under = kit.prefix();
      await kit.store().put(`${under}a`, bytes(''));
      await kit.store().put(`${under}b`, bytes(''));
      for await (const { key } of kit.store().list(under)) {
        expect(key).toBe(`${under}a`);
        break;
      }
    });
  });
}
