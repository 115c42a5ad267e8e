import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from './options.ts';
import type { S3Options } from './options.ts';
import { createS3ObjectStore } from './s3-object-store.ts';
import { partSize } from './writing.ts';

const good: S3Options = {
  endpoint: 'http://127.0.0.1:9000',
  region: 'us-east-1',
  bucket: 'graft',
  accessKey: 'canary-access',
  secretKey: 'canary-secret',
};

describe('resolveOptions', () => {
  it('fills in what is left out', () => {
    const options = resolveOptions({ ...good, region: '', timeouts: { idleMs: 7 } });
    expect(options).toMatchObject({ region: 'us-east-1', pathStyle: true, partSizeBytes: 16 * 2 ** 20 });
    expect(options.wholeBytes).toBe(48 * 2 ** 20);
    expect(resolveOptions({ ...good, partSizeBytes: 5 * 2 ** 20 }).wholeBytes).toBe(5 * 2 ** 20);
    expect(options.timeouts).toEqual({ connectMs: 5000, idleMs: 7, completeMs: 300_000 });
  });

  it.each([
    [{ bucket: 'A' }, 'STORE_BUCKET'],
    [{ bucket: '1.2.3.4' }, 'STORE_BUCKET'],
    [{ bucket: 'a..b' }, 'STORE_BUCKET'],
    [{ secretKey: '' }, 'STORE_DENIED'],
    [{ endpoint: '127.0.0.1:9000' }, 'STORE_ENDPOINT'],
    [{ endpoint: 'ftp://host' }, 'STORE_ENDPOINT'],
    [{ endpoint: 'http://host/path' }, 'STORE_ENDPOINT'],
    [{ endpoint: 'http://me:canary-secret@host' }, 'STORE_ENDPOINT'],
    [{ partSizeBytes: 1024 }, 'STORE_OPTION'],
  ])('refuses %j as %s, and shows no secret', (change, code) => {
    let seen: unknown;
    try {
      resolveOptions({ ...good, ...change });
    } catch (error) {
      seen = error;
    }
    expect(seen).toMatchObject({ code });
    expect(inspect(seen, { depth: 9 })).not.toContain('canary');
  });
});

it('a store shows no credentials when it is inspected', () => {
  const store = createS3ObjectStore({ ...good, sessionToken: 'canary-token' });
  expect(inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store)).not.toContain('canary');
});

it('parts grow so that there are never more than 10,000', () => {
  const mib = 2 ** 20;
  expect(partSize(100 * mib, 16 * mib)).toBe(16 * mib);
  const size = 5 * 2 ** 40;
  const part = partSize(size, 16 * mib);
  expect(Math.ceil(size / part)).toBeLessThanOrEqual(10_000);
  expect(part % mib).toBe(0);
});
