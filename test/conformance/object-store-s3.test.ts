import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwrap } from '../../core/result.ts';
import { ensureBucket } from '../../infra/s3/ensure-bucket.ts';
import { MIN_PART_BYTES } from '../../infra/s3/options.ts';
import type { S3Options } from '../../infra/s3/options.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { S3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { sweepStaleUploads } from '../../infra/s3/sweep.ts';
import { sha256OfFile } from '../../activities/lib/hash.ts';
import { findMinio, startMinio, startVersitygw, temporaryDir } from '../servers.ts';
import type { S3Server } from '../servers.ts';
import { all, bytes, collect, outcome, sha256, text } from './object-store-kit.ts';

/** What is S3's own: buckets, uploads in parts, sockets, memory, a server that dies. */
const servers = [
  ['versitygw', startVersitygw] as const,
  ...(findMinio() === null ? [] : [['MinIO', startMinio] as const]),
];

describe.each(servers)('S3 object store on %s', (_, start) => {
  let server: S3Server;
  let store: S3ObjectStore;
  let foreign: Client;
  let folder: string;
  const options = (overrides: Partial<S3Options> = {}): S3Options =>
    server.options('special', { partSizeBytes: MIN_PART_BYTES, ...overrides });

  beforeAll(async () => {
    folder = temporaryDir('s3');
    server = await start({ dataDir: join(folder, 'data') });
    store = createS3ObjectStore(options());
    unwrap(await ensureBucket(store));
    const { region, accessKey, secretKey } = options();
    foreign = new Client({ endPoint: '127.0.0.1', port: server.port, useSSL: false, region, accessKey, secretKey });
  });
  afterAll(async () => {
    store.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it('ensureBucket creates once, also when many do so at once', async () => {
    const other = createS3ObjectStore(options({ bucket: 'made-here' }));
    expect(await other.bucketExists()).toBe(false);
    const answers = await Promise.all(Array.from({ length: 5 }, () => ensureBucket(other)));
    expect(answers.every((answer) => answer.ok)).toBe(true);
    expect(await ensureBucket(other)).toEqual({ ok: true, value: 'present' });
    const denied = await ensureBucket(createS3ObjectStore(options({ bucket: 'not-ours', secretKey: 'wrong-secret' })));
    expect(denied.ok ? 'ok' : denied.error.code).toBe('STORE_DENIED');
  });

  it('never takes up an upload that somebody left, and leaves it alone', async () => {
    const key = 'parts/object';
    const uploadID = await foreign.initiateNewMultipartUpload('special', key, {});
    const part = { bucketName: 'special', objectName: key, uploadID, partNumber: 1, headers: {} };
    await foreign.uploadPart(part, randomBytes(MIN_PART_BYTES));
    const body = randomBytes(2 * MIN_PART_BYTES + 3);
    const path = join(folder, 'body');
    await pipeline(Readable.from([body]), createWriteStream(path));
    await store.putFile(key, path, sha256(body));
    expect(Buffer.compare(await collect(await store.stream(key)), body)).toBe(0);
    expect((await all(store.unfinishedUploads(key))).map(({ uploadId }) => uploadId)).toEqual([uploadID]);
  });

  it('sweeps uploads that are old enough, under the prefix alone', async () => {
    for (const key of ['sweep/a +%é', 'sweep/b', 'sweep/b', 'kept/c']) {
      await foreign.initiateNewMultipartUpload('special', key, {});
    }
    const inHours = (hours: number): number => Date.now() + hours * 3_600_000;
    const sweep = (olderThanHours: number, nowMs: number, prefix: string): Promise<unknown> =>
      sweepStaleUploads(store, { olderThanHours, nowMs, prefix });
    expect(await sweep(24, inHours(23), 'sweep/')).toEqual({ aborted: 0, kept: 3 });
    expect(await sweep(24, inHours(25), 'sweep/')).toEqual({ aborted: 3, kept: 0 });
    expect(await sweep(24, inHours(25), 'sweep/')).toEqual({ aborted: 0, kept: 0 });
    expect(await all(store.unfinishedUploads('kept/c'))).toHaveLength(1);
  });

  it('reads what others wrote, without a hash in its metadata', async () => {
    await foreign.putObject('special', 'foreign/object', Buffer.from('from outside'));
    expect(text((await store.get('foreign/object'))?.body)).toBe('from outside');
    const wrong = sha256(bytes('something else'));
    expect(await outcome(store.get('foreign/object', { sha256: wrong }))).toBe('STORE_CORRUPT');
  });

  it('gives every socket back: two are enough for whatever fails', async () => {
    const narrow = createS3ObjectStore(options({ maxSockets: 2 }));
    const denied = createS3ObjectStore(options({ maxSockets: 2, secretKey: 'wrong-secret' }));
    await narrow.put('sockets/object', randomBytes(1_000_000));
    for (let i = 0; i < 30; i++) {
      expect(await narrow.get('sockets/none')).toBeNull();
      expect(await narrow.head('sockets/none')).toBeNull();
      expect(await outcome(denied.get('sockets/object'))).toBe('STORE_DENIED');
      expect(await outcome(narrow.get('sockets/object', { maxBytes: 10 }))).toBe('STORE_SIZE');
      expect(await narrow.putIfAbsent('sockets/object', bytes('x'))).toEqual({ kind: 'conflict' });
      (await narrow.stream('sockets/object')).destroy();
    }
    expect((await narrow.head('sockets/object'))?.sizeBytes).toBe(1_000_000);
  });

  it('does not keep a process alive that has nothing else to do', async () => {
    const script = `
      import { createS3ObjectStore } from ${JSON.stringify(new URL('../../infra/s3/s3-object-store.ts', import.meta.url).href)};
      const store = createS3ObjectStore(JSON.parse(process.env.OPTIONS));
      await store.put('alive/object', new Uint8Array(100));
      console.log((await store.get('alive/object')).body.length);`;
    const tsx = pathToFileURL(join(process.cwd(), 'node_modules/tsx/dist/loader.mjs')).href;
    const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', script], {
      env: { ...process.env, OPTIONS: JSON.stringify(options()) },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
    });
    const said = collect(child.stdout);
    const ended = await new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    expect(ended).toEqual({ code: 0, signal: null });
    expect(text(await said)).toBe('100\n');
  });

  it('moves a body of 128 MiB up and down in bounded memory', async () => {
    const path = join(folder, 'large');
    const block = randomBytes(2 ** 20);
    await pipeline(
      Readable.from(
        (function* () {
          for (let i = 0; i < 128; i++) {
            block.writeUInt32LE(i);
            yield Buffer.from(block);
          }
        })(),
      ),
      createWriteStream(path),
    );
    const hash = await sha256OfFile(path);
    const buffersMiB = (): number => process.memoryUsage().arrayBuffers / 2 ** 20;
    const startMiB = buffersMiB();
    let peakMiB = startMiB;
    const watch = setInterval(() => (peakMiB = Math.max(peakMiB, buffersMiB())), 20);
    try {
      await store.putFile('large', path, hash);
      await store.getFile('large', `${path}.back`, { sha256: hash });
      let bytesSeen = 0;
      for await (const chunk of await store.stream('large')) if (chunk instanceof Uint8Array) bytesSeen += chunk.length;
      expect(bytesSeen).toBe(128 * 2 ** 20);
    } finally {
      clearInterval(watch);
    }
    expect(peakMiB - startMiB).toBeLessThan(64);
  });

  it('survives a server that is killed and started again: every marker is written once and whole', async () => {
    const { accessKey, secretKey } = options();
    const patient = createS3ObjectStore(options({ retry: { attempts: 600, baseMs: 20, capMs: 200 } }));
    const bodyOf = (i: number): Uint8Array => bytes(`marker ${i} ${'x'.repeat(i)}`);
    let killing = true;
    let count = 0;
    const writing = (async () => {
      for (; killing || count < 10; count++) {
        expect((await patient.putIfAbsent(`killed/${count}`, bodyOf(count))).kind).toBe('written');
        await patient.put('killed/pointer', bytes(String(count)));
      }
    })();
    writing.catch(() => undefined);
    for (let kills = 0; kills < 3; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await server.kill();
      server = await start({ dataDir: server.dataDir, port: server.port, credentials: { accessKey, secretKey } });
    }
    killing = false;
    await writing;
    for (let i = 0; i < count; i++) {
      expect(text((await store.get(`killed/${i}`))?.body)).toBe(text(bodyOf(i)));
    }
    expect(text((await store.get('killed/pointer'))?.body)).toBe(String(count - 1));
  });

  it('reports a frozen server as STORE_TIMEOUT, and works again when it thaws', async () => {
    const timeouts = { idleMs: 200, connectMs: 200 };
    const retry = { attempts: 2, baseMs: 1, capMs: 1 };
    const impatient = createS3ObjectStore(options({ timeouts, retry }));
    await store.put('frozen/object', bytes('x'));
    server.freeze();
    try {
      // The signal takes effect a little later than it is sent.
      let seen = 'ok';
      while (seen === 'ok') seen = await outcome(impatient.get('frozen/object'));
      expect(seen).toBe('STORE_TIMEOUT');
    } finally {
      server.thaw();
    }
    expect(text((await store.get('frozen/object'))?.body)).toBe('x');
  });
});
