import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { unwrap } from '../../core/result.ts';
import { ensureBucket } from '../../infra/s3/ensure-bucket.ts';
import { MIN_PART_BYTES } from '../../infra/s3/options.ts';
import type { S3Options } from '../../infra/s3/options.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import type { S3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { startFaultyProxy } from '../faults/faulty-proxy.ts';
import type { FaultyProxy, SeenRequest } from '../faults/faulty-proxy.ts';
import { startVersitygw, temporaryDir } from '../servers.ts';
import type { S3Server } from '../servers.ts';
import { text } from './object-store-kit.ts';

/** A real server, a proxy that fails, and a store through it and one past it, for the tests of one file. */
export interface FaultyNetwork {
  server(): S3Server;
  proxy(): FaultyProxy;
  /** Through the proxy. */
  store(): S3ObjectStore;
  /** Past it. */
  direct(): S3ObjectStore;
  folder(): string;
  newKey(): string;
  /** Impatient options of a store through the proxy. */
  viaProxy(overrides?: Partial<S3Options>): S3Options;
  fileOf(body: Uint8Array): Promise<string>;
  /** What is stored, as text. */
  read(key: string): Promise<string>;
}

export const on =
  (...methods: string[]) =>
  ({ method }: SeenRequest): boolean =>
    methods.includes(method);

/** Registers the hooks that start and stop it; the rules of the proxy are taken away after each test, which fails when one
 * of them never struck. */
export function faultyNetwork(): FaultyNetwork {
  let server: S3Server;
  let proxy: FaultyProxy;
  let store: S3ObjectStore;
  let direct: S3ObjectStore;
  let folder: string;
  let count = 0;

  const viaProxy = (overrides: Partial<S3Options> = {}): S3Options =>
    server.options('faults', {
      endpoint: proxy.endpoint,
      partSizeBytes: MIN_PART_BYTES,
      timeouts: { connectMs: 2000, idleMs: 400, completeMs: 2000 },
      retry: { attempts: 8, baseMs: 2, capMs: 20 },
      ...overrides,
    });

  beforeAll(async () => {
    folder = temporaryDir('faults');
    server = await startVersitygw();
    proxy = await startFaultyProxy(server.endpoint);
    store = createS3ObjectStore(viaProxy());
    direct = createS3ObjectStore(server.options('faults'));
    unwrap(await ensureBucket(direct));
  });
  afterEach(() => {
    // A fault that never struck proves nothing.
    expect(proxy.clear()).toEqual([]);
  });
  afterAll(async () => {
    store.close();
    direct.close();
    await proxy.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  return {
    server: () => server,
    proxy: () => proxy,
    store: () => store,
    direct: () => direct,
    folder: () => folder,
    newKey: () => `f/${++count}/object`,
    viaProxy,
    async fileOf(body) {
      const path = join(folder, randomBytes(6).toString('hex'));
      await writeFile(path, body);
      return path;
    },
    read: async (key) => text((await direct.get(key))?.body),
  };
}
