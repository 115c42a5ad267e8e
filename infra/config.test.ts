import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { childEnvironment, connections, settings } from './config.ts';
import { credentialsPath, servicesPath } from './embedded/services-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const s3Variables = {
  S3_ENDPOINT: 'https://s3.example.org',
  AWS_ACCESS_KEY_ID: 'canary-access',
  AWS_SECRET_ACCESS_KEY: 'canary-secret',
};

function writeServices(): void {
  mkdirSync(join(folder, '.graft'));
  const s3 = { endpoint: 'http://127.0.0.1:9', bucket: 'graft', region: 'us-east-1', kind: 'versitygw' };
  const temporal = { address: '127.0.0.1:8', namespace: 'default' };
  writeFileSync(servicesPath(join(folder, '.graft')), JSON.stringify({ version: 1, temporal, s3 }));
  const credentials = { accessKey: 'embedded-access', secretKey: 'embedded-secret-key' };
  writeFileSync(credentialsPath(join(folder, '.graft')), JSON.stringify(credentials));
}

describe('settings', () => {
  it('knows nothing from an empty environment, and empty variables count as unset', () => {
    const known = settings({ TEMPORAL_ADDRESS: '', S3_ENDPOINT: '', GRAFT_THREADS: '' }, folder);
    expect(known.temporal).toBeNull();
    expect(known.s3).toBeNull();
    expect(known.stateDir).toBe(join(folder, '.graft'));
    expect(known.threads).toBeGreaterThanOrEqual(1);
    expect(known.device).toBe('auto');
  });

  it('reads mTLS and defaults the namespace', () => {
    const known = settings({
      TEMPORAL_ADDRESS: 'temporal.example.org:7233',
      TEMPORAL_TLS_CERT: 'c.pem',
      TEMPORAL_TLS_KEY: 'k.pem',
      TEMPORAL_TLS_CA: 'ca.pem',
    });
    expect(known.temporal).toEqual({
      address: 'temporal.example.org:7233',
      namespace: 'default',
      tls: { certPath: 'c.pem', keyPath: 'k.pem', caPath: 'ca.pem' },
    });
  });

  it('never sends an API key in plain text unless told to', () => {
    const cloud = { TEMPORAL_ADDRESS: 'cloud.example.org:7233', TEMPORAL_API_KEY: 'canary-key' };
    expect(settings(cloud).temporal?.tls).toEqual({});
    expect(settings({ ...cloud, TEMPORAL_TLS: 'false' }).temporal?.tls).toBeUndefined();
  });

  it.each([
    ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: 'http://here:7233' }],
    ['TEMPORAL_TLS_KEY', { TEMPORAL_ADDRESS: 'here:7233', TEMPORAL_TLS_CERT: 'c.pem' }],
    ['S3_ENDPOINT', { ...s3Variables, S3_ENDPOINT: 'localhost:9000' }],
    ['S3_BUCKET', { ...s3Variables, S3_BUCKET: 'Bad_Bucket' }],
    ['AWS_SECRET_ACCESS_KEY', { ...s3Variables, AWS_SECRET_ACCESS_KEY: '' }],
    ['GRAFT_DEVICE', { GRAFT_DEVICE: 'tpu' }],
    ['GRAFT_THREADS', { GRAFT_THREADS: '0' }],
    ['GRAFT_S3_PORT', { GRAFT_S3_PORT: '70000' }],
  ])('refuses a bad %s by name', (name, environment) => {
    expect(() => settings(environment)).toThrowError(new RegExp(`^CONFIG_ENV: ${name} — `));
  });

  it('ignores a relative XDG_CACHE_HOME, as the specification asks', () => {
    expect(settings({ XDG_CACHE_HOME: 'here' }).cacheDir).not.toContain('here');
    expect(settings({ XDG_CACHE_HOME: folder }).cacheDir).toBe(join(folder, 'graft'));
  });

  it('takes proxies in lower case first, then in upper', () => {
    const known = settings({ http_proxy: 'http://low:1', HTTP_PROXY: 'http://up:1', HTTPS_PROXY: 'http://up:2' });
    expect(known.proxies).toEqual({ http: 'http://low:1', https: 'http://up:2', no: null });
  });
});

describe('connections', () => {
  it('are null before graft up has run', () => {
    expect(connections(settings({}, folder))).toEqual({ temporal: null, s3: null });
  });

  it('come from the state folder, each end alone overridden by the environment', () => {
    writeServices();
    const embedded = connections(settings({}, folder));
    expect(embedded.temporal).toEqual({ address: '127.0.0.1:8', namespace: 'default' });
    expect(embedded.s3).toEqual({
      endpoint: 'http://127.0.0.1:9',
      bucket: 'graft',
      region: 'us-east-1',
      accessKey: 'embedded-access',
      secretKey: 'embedded-secret-key',
    });
    const mixed = connections(settings(s3Variables, folder));
    expect(mixed.temporal?.address).toBe('127.0.0.1:8');
    expect(mixed.s3?.endpoint).toBe('https://s3.example.org');
  });

  it('refuse a state file that graft did not write', () => {
    writeServices();
    writeFileSync(servicesPath(join(folder, '.graft')), '{"version": 2}');
    expect(() => connections(settings({}, folder))).toThrowError(/^STATE_FILE: .*services\.json/);
    writeFileSync(servicesPath(join(folder, '.graft')), '{"vers');
    expect(() => connections(settings({}, folder))).toThrowError(/^STATE_FILE: .*services\.json — not the JSON/);
  });
});

describe('childEnvironment', () => {
  it('removes what is undefined and, on request, every secret', () => {
    const child = childEnvironment({ AWS_SECRET_ACCESS_KEY: 'canary', HOME: undefined, A: '1' }, { secrets: false });
    expect(child).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
    expect(child).not.toHaveProperty('HOME');
    expect(child).toHaveProperty('A', '1');
    expect(childEnvironment({ AWS_SECRET_ACCESS_KEY: 'canary' })).toHaveProperty('AWS_SECRET_ACCESS_KEY', 'canary');
  });
});
