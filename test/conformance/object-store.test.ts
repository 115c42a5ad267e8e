import { describe, it } from 'vitest';
import { unwrap } from '../../core/result.ts';
import { ensureBucket } from '../../infra/s3/ensure-bucket.ts';
import { MIN_PART_BYTES } from '../../infra/s3/options.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';
import { findMinio, freePort, startMinio, startVersitygw } from '../servers.ts';
import type { S3Server } from '../servers.ts';
import { describeObjectStore } from './object-store.ts';
import type { StoreHarness } from './object-store-kit.ts';

async function onServer(starting: Promise<S3Server>): Promise<StoreHarness> {
  const server = await starting;
  const options = server.options('conformance', { partSizeBytes: MIN_PART_BYTES });
  const store = createS3ObjectStore(options);
  unwrap(await ensureBucket(store));
  const quick = { attempts: 2, baseMs: 1, capMs: 1 };
  return {
    store,
    partSizeBytes: MIN_PART_BYTES,
    denied: createS3ObjectStore({ ...options, secretKey: 'not-the-secret-key' }),
    unreachable: createS3ObjectStore({ ...options, endpoint: `http://127.0.0.1:${await freePort()}`, retry: quick }),
    noBucket: createS3ObjectStore({ ...options, bucket: 'no-such-bucket' }),
    async stop() {
      store.close();
      await server.stop();
    },
  };
}

describeObjectStore('memory', () =>
  Promise.resolve({
    store: createMemoryObjectStore(),
    partSizeBytes: MIN_PART_BYTES,
    stop: () => Promise.resolve(),
  }),
);

describeObjectStore('versitygw', () => onServer(startVersitygw()));

if (findMinio() !== null) describeObjectStore('MinIO', () => onServer(startMinio()));
else
  describe.skip('object store: MinIO (no binary; set GRAFT_TEST_MINIO_BIN)', () => it('is skipped', () => undefined));
