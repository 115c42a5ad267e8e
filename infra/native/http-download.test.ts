import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asSha256 } from '../../core/ids.ts';
import { download, downloadText } from './http-download.ts';

const content = randomBytes(300_000);
const sha256 = asSha256(createHash('sha256').update(content).digest('hex'));
const noProxies = { http: null, https: null, no: null };
const quick = { proxies: noProxies, retryDelayMs: 1 };

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-download-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((done) => (server === undefined ? done(null) : server.close(done)));
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const started = createServer(handler);
  server = started;
  await new Promise<void>((done) => started.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${String((started.address() as AddressInfo).port)}/lib.tar.gz`;
}

const rangeStart = (request: IncomingMessage): number =>
  Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);

function answer(request: IncomingMessage, response: ServerResponse, upTo = content.length): void {
  const from = rangeStart(request);
  response.writeHead(from === 0 ? 200 : 206, { 'content-length': content.length - from });
  if (upTo >= content.length) {
    response.end(content.subarray(from));
    return;
  }
  response.write(content.subarray(from, upTo));
  // The reset comes when the other side has everything that was sent, however busy the machine is.
  const part = join(folder, 'lib.tar.gz.part');
  const watching = setInterval(() => {
    if (!existsSync(part) || statSync(part).size < upTo) return;
    clearInterval(watching);
    response.destroy();
  }, 2);
}

describe('download', () => {
  it('resumes by Range after each reset in the middle of the body', async () => {
    const starts: number[] = [];
    const url = await serve((request, response) => {
      starts.push(rangeStart(request));
      answer(request, response, starts.length <= 3 ? starts.length * 70_000 : undefined);
    });
    const path = join(folder, 'lib.tar.gz');
    await download(url, path, sha256, quick);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(starts).toEqual([0, 70_000, 140_000, 210_000]);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  it('resumes what an earlier process left', async () => {
    const path = join(folder, 'lib.tar.gz');
    writeFileSync(`${path}.part`, content.subarray(0, 123_456));
    const starts: number[] = [];
    const url = await serve((request, response) => {
      starts.push(rangeStart(request));
      answer(request, response);
    });
    await download(url, path, sha256, quick);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(starts).toEqual([123_456]);
  });

  it('starts again where the server ignores Range', async () => {
    const path = join(folder, 'lib.tar.gz');
    writeFileSync(`${path}.part`, 'x'.repeat(1000));
    const url = await serve((_, response) => response.end(content));
    await download(url, path, sha256, quick);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('takes a part that is already whole, and throws away one that is too long', async () => {
    const path = join(folder, 'lib.tar.gz');
    const url = await serve((request, response) => {
      if (rangeStart(request) < content.length) answer(request, response);
      else response.writeHead(416, { 'content-range': `bytes */${String(content.length)}` }).end();
    });
    writeFileSync(`${path}.part`, content);
    await download(url, path, sha256, quick);
    writeFileSync(`${path}.part`, Buffer.concat([content, content]));
    await download(url, path, sha256, quick);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('never keeps a file whose hash is another', async () => {
    const url = await serve((_, response) => response.end('not it'));
    const path = join(folder, 'lib.tar.gz');
    await expect(download(url, path, sha256, quick)).rejects.toThrowError(/^DOWNLOAD_CORRUPT: .*SHA-256/);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  it('gives up after failures in a row and keeps what arrived', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      answer(request, response, Math.max(rangeStart(request), 50_000));
    });
    const path = join(folder, 'lib.tar.gz');
    await expect(download(url, path, sha256, { ...quick, attempts: 3 })).rejects.toThrowError(/^DOWNLOAD_FAILED: /);
    expect(requests).toBe(3);
    expect(readFileSync(`${path}.part`).length).toBe(50_000);
  });

  it('says at once that nobody is there, without retries', async () => {
    const url = await serve(() => undefined);
    server?.close();
    const path = join(folder, 'lib.tar.gz');
    await expect(download(url, path, sha256, { proxies: noProxies, retryDelayMs: 60_000 })).rejects.toThrowError(
      /^DOWNLOAD_UNREACHABLE: .*ECONNREFUSED/,
    );
  });

  it('reports an HTTP refusal with its status', async () => {
    const url = await serve((_, response) => response.writeHead(404).end());
    await expect(download(url, join(folder, 'x'), sha256, quick)).rejects.toThrowError(
      /^DOWNLOAD_FAILED: .*status 404/,
    );
  });

  it('goes through the proxy that the settings name', async () => {
    const asked: string[] = [];
    const proxy = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end(content);
    });
    const http = new URL(proxy).origin;
    const target = 'http://mirror.example.org/lib.tar.gz';
    const path = join(folder, 'lib.tar.gz');
    server?.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 502 no\r\n\r\n');
    });
    const outcome = download(target, path, sha256, { ...quick, proxies: { http, https: http, no: null }, attempts: 1 });
    await outcome.catch(() => undefined);
    expect(asked[0]).toMatch(/^(http:\/\/)?mirror\.example\.org(:80|\/lib\.tar\.gz)$/);
  });
});

describe('downloadText', () => {
  it('fetches a list of hashes, and is clear about a host that is not there', async () => {
    const url = await serve((_, response) => response.end('abc  lib.tar.gz\n'));
    expect(await downloadText(url, quick)).toBe('abc  lib.tar.gz\n');
    server?.close();
    await expect(downloadText(url, quick)).rejects.toThrowError(/^DOWNLOAD_UNREACHABLE: /);
  });
});
