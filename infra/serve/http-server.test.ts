import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createServeApp } from './http-server.ts';
import { createServeMetrics } from './serve-metrics.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-serve-app-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

// A version that was taken before the picture lay on the disk could be closed meanwhile, and never answered.
test('the version is taken only once the picture can be shown to it', async () => {
  const filesWhenTaken: number[] = [];
  const { app } = createServeApp({
    ...{ metrics: createServeMetrics(), alias: 'champion', dir, maxBytes: 1000, maxInside: 4 },
    current: () => {
      filesWhenTaken.push(readdirSync(dir).length);
      return null;
    },
  });
  const { statusCode } = await app.inject({
    ...{ method: 'POST', url: '/v1/predict', headers: { 'content-type': 'image/jpeg' } },
    payload: Buffer.from('picture'),
  });
  expect(statusCode).toBe(503);
  expect(filesWhenTaken).toEqual([1]);
  expect(readdirSync(dir)).toEqual([]);
  await app.close();
});
