import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inputError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { sha256Of, sha256OfFile } from './hash.ts';
import { readJson, writeJson, writeJsonIfAbsent, writeJsonIfMatch } from './json-object.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const listOnly = (value: unknown): Result<unknown[], GraftError> =>
  Array.isArray(value) ? ok(value) : err(inputError('NOT_LIST', 'x', typeof value));

describe('sha256', () => {
  it('is the known one, of text, bytes and files', async () => {
    const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-2, appendix B.1
    expect(sha256Of('abc')).toBe(known);
    expect(sha256Of(bytes('abc'))).toBe(known);
    const folder = await mkdtemp(join(tmpdir(), 'graft-hash-'));
    try {
      await writeFile(join(folder, 'f'), 'abc');
      expect(await sha256OfFile(join(folder, 'f'))).toBe(known);
      await expect(sha256OfFile(join(folder, 'none'))).rejects.toThrow('ENOENT');
      await expect(sha256OfFile(join(folder, 'f'), AbortSignal.abort())).rejects.toThrow('abort');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('JSON objects', () => {
  it('come back with the tag and the hash to refer to them', async () => {
    const store = createMemoryObjectStore();
    const written = await writeJson(store, 'a.json', [1, { b: 2, a: undefined }]);
    const read = await readJson(store, 'a.json', listOnly);
    expect(read).toEqual(ok({ value: [1, { b: 2 }], etag: written.etag, sha256: written.sha256 }));
    expect(await readJson(store, 'none.json', listOnly)).toEqual(ok(null));
  });

  it('have the same bytes whatever the order of their keys, so writing twice is no conflict', async () => {
    const store = createMemoryObjectStore();
    const first = await writeJsonIfAbsent(store, 'a.json', { x: 1, y: 2 });
    const same = await writeJsonIfAbsent(store, 'a.json', { y: 2, x: 1 });
    const other = await writeJsonIfAbsent(store, 'a.json', { x: 2 });
    expect([first.put.kind, same.put.kind, other.put.kind]).toEqual(['written', 'written', 'conflict']);
    expect(same.sha256).toBe(first.sha256);
    expect(other.sha256).not.toBe(first.sha256);
  });

  it('move only from the tag they were read with', async () => {
    const store = createMemoryObjectStore();
    const { etag } = await writeJson(store, 'p.json', { seq: 1 });
    expect((await writeJsonIfMatch(store, 'p.json', { seq: 2 }, etag)).put.kind).toBe('written');
    expect((await writeJsonIfMatch(store, 'p.json', { seq: 3 }, etag)).put.kind).toBe('conflict');
  });

  it('that do not parse are errors, not exceptions', async () => {
    const store = createMemoryObjectStore();
    await store.put('bad.json', bytes('{"a":'));
    await store.put('latin1.json', new Uint8Array([0x22, 0xe9, 0x22]));
    await store.put('object.json', bytes('{}'));
    await store.put('torn.json', bytes('[1,2]'));
    store.corrupt('torn.json', (body) => body.slice(0, 3));
    const codes = ['bad.json', 'latin1.json', 'object.json', 'torn.json'].map(async (key) => {
      const read = await readJson(store, key, listOnly);
      return read.ok ? 'ok' : read.error.code;
    });
    expect(await Promise.all(codes)).toEqual(['OBJECT_JSON', 'OBJECT_JSON', 'NOT_LIST', 'STORE_CORRUPT']);
  });

  it('throws when the store fails', async () => {
    const store = createMemoryObjectStore({
      before: () => {
        throw inputError('STORE_DENIED', 'x', 'no');
      },
    });
    await expect(readJson(store, 'a.json', listOnly)).rejects.toMatchObject({ code: 'STORE_DENIED' });
  });
});
