import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIN_PART_BYTES } from '../../infra/s3/options.ts';
import { probeConditionalWrites } from '../../infra/s3/probe.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { Fault, SeenRequest } from '../faults/faulty-proxy.ts';
import { faultyNetwork, on } from './faulty-network.ts';
import { all, bytes, collect, keysUnder, outcome, sha256 } from './object-store-kit.ts';

/** The faults of the store that must be survived, or reported for what they are, against a real server. */
describe('object store behind a network that fails', () => {
  const net = faultyNetwork();

  it('the proxy alone changes nothing', async () => {
    const key = net.newKey();
    const body = randomBytes(2 * MIN_PART_BYTES + 7);
    await net.store().putFile(key, await net.fileOf(body), sha256(body));
    expect(Buffer.compare(await collect(await net.store().stream(key)), body)).toBe(0);
    expect(await probeConditionalWrites(net.store())).toEqual({ ok: true, value: undefined });
    expect(await keysUnder(net.direct(), '.graft-probe/')).toEqual([]);
  });

  describe('writes', () => {
    const faults: readonly Fault[] = [
      { kind: 'refuse' },
      { kind: 'reset-up', afterBytes: 0 },
      { kind: 'reset-up', afterBytes: 70_000 },
      { kind: 'stall' },
      { kind: 'status', status: 503 },
      { kind: 'status', status: 500, s3Code: 'InternalError' },
      { kind: 'drop-ack' },
      { kind: 'flip-up', atByte: 99_999 },
    ];

    it.each(faults)('put survives %j', async (fault) => {
      const key = net.newKey();
      const body = randomBytes(200_000);
      net.proxy().inject({ fault, when: on('PUT'), times: 2 });
      await net.store().put(key, body);
      expect(Buffer.compare((await net.direct().get(key))!.body, body)).toBe(0);
    });

    it.each(faults)('putIfAbsent survives %j, and still refuses what is there', async (fault) => {
      const key = net.newKey();
      net.proxy().inject({ fault, when: on('PUT'), times: 2 });
      const written = await net.store().putIfAbsent(key, bytes('mine'));
      expect(written).toEqual({ kind: 'written', etag: (await net.direct().head(key))?.etag });
      expect(net.proxy().clear()).toEqual([]);
      net.proxy().inject({ fault, when: on('PUT'), times: 2 });
      expect(await net.store().putIfAbsent(key, bytes('other'))).toEqual({ kind: 'conflict' });
      expect(await net.read(key)).toBe('mine');
    });

    it.each(faults)('putIfMatch survives %j, and still refuses another tag', async (fault) => {
      const key = net.newKey();
      const etag = await net.direct().put(key, bytes('v1'));
      net.proxy().inject({ fault, when: on('PUT'), times: 2 });
      expect((await net.store().putIfMatch(key, bytes('v2'), etag)).kind).toBe('written');
      expect(net.proxy().clear()).toEqual([]);
      net.proxy().inject({ fault, when: on('HEAD', 'GET'), times: 2 });
      expect(await net.store().putIfMatch(key, bytes('v3'), etag)).toEqual({ kind: 'conflict' });
      expect(await net.read(key)).toBe('v2');
    });

    it.each(faults)('putFile in parts survives %j', async (fault) => {
      const key = net.newKey();
      const body = randomBytes(2 * MIN_PART_BYTES + 1000);
      // Strikes Create and Complete (POST) and parts (PUT).
      net.proxy().inject({ fault, when: on('POST'), times: 2 });
      net.proxy().inject({ fault, when: on('PUT'), times: 3 });
      await net.store().putFile(key, await net.fileOf(body), sha256(body));
      expect(Buffer.compare(await collect(await net.direct().stream(key)), body)).toBe(0);
    });

    it('the lost acknowledgement of a Complete, every time, is read from the object itself', async () => {
      const key = net.newKey();
      const body = randomBytes(MIN_PART_BYTES + 1);
      net.proxy().inject({
        fault: { kind: 'drop-ack' },
        when: ({ method, url }) => method === 'POST' && /uploadId/.test(url),
        times: 1,
      });
      await net.store().putFile(key, await net.fileOf(body), sha256(body));
      expect((await net.direct().head(key))?.sizeBytes).toBe(body.length);
    });

    it('a Complete whose upload is gone failed, unless the object is there', async () => {
      const body = randomBytes(MIN_PART_BYTES + 1);
      const path = await net.fileOf(body);
      const isComplete = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploadId');
      const gone = { kind: 'status', status: 404, s3Code: 'NoSuchUpload' } as const;
      const lost = net.newKey();
      net.proxy().inject({ fault: { kind: 'drop-ack' }, when: isComplete, times: 1 });
      net.proxy().inject({ fault: gone, when: isComplete });
      await net.store().putFile(lost, path, sha256(body));
      expect((await net.direct().head(lost))?.sizeBytes).toBe(body.length);
      net.proxy().clear();
      net.proxy().inject({ fault: gone, when: isComplete });
      expect(await outcome(net.store().putFile(net.newKey(), path, sha256(body)))).toBe('STORE_NOT_FOUND');
    });

    it('a putFile that fails for good leaves neither object nor upload', async () => {
      const key = net.newKey();
      const body = randomBytes(3 * MIN_PART_BYTES);
      net.proxy().inject({ fault: { kind: 'status', status: 503 }, when: ({ url }) => url.includes('partNumber=3') });
      expect(await outcome(net.store().putFile(key, await net.fileOf(body), sha256(body)))).toBe('STORE_BUSY');
      expect(await net.direct().head(key)).toBeNull();
      expect(await all(net.direct().unfinishedUploads(key))).toEqual([]);
    });

    it('delete survives a lost acknowledgement', async () => {
      const key = net.newKey();
      await net.direct().put(key, bytes('x'));
      net.proxy().inject({ fault: { kind: 'drop-ack' }, when: on('DELETE'), times: 2 });
      await net.store().delete(key);
      expect(await net.direct().head(key)).toBeNull();
    });
  });

  describe('reads', () => {
    const faults: readonly Fault[] = [
      { kind: 'refuse' },
      { kind: 'reset-down', afterBytes: 0 },
      { kind: 'reset-down', afterBytes: 150_000 },
      { kind: 'stall' },
      { kind: 'stall', afterBytes: 150_000 },
      { kind: 'status', status: 503 },
      { kind: 'drop-ack' },
      { kind: 'truncate', keepBytes: 150_000 },
      { kind: 'truncate', keepBytes: 0 },
      { kind: 'flip', atByte: 150_000 },
    ];

    it.each(faults)('get, with and without a hash, and getFile survive %j', async (fault) => {
      const key = net.newKey();
      const body = randomBytes(300_000);
      await net.direct().put(key, body);
      for (const options of [{}, { sha256: sha256(body) }]) {
        net.proxy().inject({ fault, when: on('GET'), times: 2 });
        expect(Buffer.compare((await net.store().get(key, options))!.body, body)).toBe(0);
        expect(net.proxy().clear()).toEqual([]);
      }
      net.proxy().inject({ fault, when: on('GET'), times: 2 });
      const path = join(net.folder(), net.newKey(), 'out');
      await net.store().getFile(key, path, { sha256: sha256(body) });
      expect(Buffer.compare(await readFile(path), body)).toBe(0);
      expect(await readdir(dirname(path))).toEqual(['out']);
    });

    it.each([
      [{ kind: 'refuse' }, 'STORE_UNREACHABLE'],
      [{ kind: 'reset-down', afterBytes: 150_000 }, 'STORE_UNREACHABLE'],
      [{ kind: 'stall', afterBytes: 150_000 }, 'STORE_TIMEOUT'],
      [{ kind: 'status', status: 503 }, 'STORE_BUSY'],
      [{ kind: 'truncate', keepBytes: 150_000 }, 'STORE_CORRUPT'],
      [{ kind: 'flip', atByte: 150_000 }, 'STORE_CORRUPT'],
    ] as const)('%j for good is %s, and no file appears', async (fault, code) => {
      const key = net.newKey();
      await net.direct().put(key, randomBytes(300_000));
      net.proxy().inject({ fault, when: on('GET') });
      const impatient = createS3ObjectStore(net.viaProxy({ retry: { attempts: 3, baseMs: 1, capMs: 1 } }));
      expect(await outcome(impatient.get(key))).toBe(code);
      const path = join(net.folder(), net.newKey(), 'out');
      expect(await outcome(impatient.getFile(key, path))).toBe(code);
      expect(await readdir(dirname(path))).toEqual([]);
    });

    it.each([
      [{ kind: 'reset-down', afterBytes: 150_000 }, 'STORE_UNREACHABLE'],
      [{ kind: 'stall', afterBytes: 150_000 }, 'STORE_TIMEOUT'],
      [{ kind: 'truncate', keepBytes: 150_000 }, 'STORE_CORRUPT'],
      [{ kind: 'flip', atByte: 150_000 }, 'STORE_CORRUPT'],
    ] as const)('a stream does not end well after %j: %s', async (fault, code) => {
      const key = net.newKey();
      await net.direct().put(key, randomBytes(300_000));
      net.proxy().inject({ fault, when: on('GET') });
      expect(await outcome(collect(await net.store().stream(key)))).toBe(code);
    });

    it('a reader that is slow is not a store that stalls', async () => {
      const key = net.newKey();
      const body = randomBytes(4_000_000);
      await net.direct().put(key, body);
      const stream = await createS3ObjectStore(net.viaProxy({ timeouts: { idleMs: 50 } })).stream(key);
      const got: Uint8Array[] = [];
      for await (const chunk of stream) {
        if (got.length % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 120));
        if (chunk instanceof Uint8Array) got.push(chunk);
      }
      expect(Buffer.compare(Buffer.concat(got), body)).toBe(0);
    });

    it('a page of a listing that fails is asked for again, none twice', async () => {
      const under = `list/${net.newKey()}/`;
      const keys = Array.from({ length: 20 }, (_, i) => `${under}${String(i).padStart(2, '0')}`);
      await Promise.all(keys.map((key) => net.direct().put(key, bytes(''))));
      net.proxy().inject({ fault: { kind: 'reset-down', afterBytes: 500 }, when: on('GET'), times: 2 });
      expect(await keysUnder(net.store(), under)).toEqual(keys);
    });
  });
});
