import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entriesOf, sourcesFor } from '../../../test/lib/read-source.ts';
import { allowedHosts, checkedUrl, isClosedAddress } from './address.ts';

let dir: string;
let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests = 0;
const port = (): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-url-'));
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(dir, { recursive: true });
});

const archive = zipSync({ 'cat/1.jpg': Buffer.from('cat'), 'dog/1.jpg': Buffer.from('dog') });
const open = (url: string, urlAllow: string[] = ['127.0.0.1']) => sourcesFor(dir, { urlAllow })(url, 'auto');
const nobody = allowedHosts([]);

describe('a data set behind an address', () => {
  it('is fetched, unpacked once for the same bytes, and leaves nothing else', async () => {
    answer = (_, response) => response.end(archive);
    for (let i = 0; i < 2; i++) {
      const source = await open(`http://127.0.0.1:${port()}/pets.zip`);
      expect((await entriesOf(source)).map(({ path }) => path)).toEqual(['cat/1.jpg', 'dog/1.jpg']);
    }
    expect(requests).toBe(2);
    expect(await readdir(dir)).toHaveLength(1);
  });

  it.each([
    ['file:///etc/passwd', 'URL_BLOCKED'],
    ['ftp://example.org/x.zip', 'URL_BLOCKED'],
    ['data:text/plain,x', 'URL_BLOCKED'],
    ['http://example.org/x.zip', 'URL_BLOCKED'],
    ['https://user:secret@example.org/x.zip', 'URL_BLOCKED'],
    ['https://169.254.169.254/latest/meta-data', 'URL_BLOCKED_ADDRESS'],
    ['https://127.0.0.1/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://0x7f.1/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://2130706433/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://[::1]/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://[::ffff:10.0.0.1]/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://[fd00:ec2::254]/x.zip', 'URL_BLOCKED_ADDRESS'],
    ['https://localhost/x.zip', 'URL_BLOCKED_ADDRESS'],
  ])('is refused at %s', async (url, code) => {
    const failed = open(url, []);
    await expect(failed).rejects.toMatchObject({ code, kind: 'input' });
    await expect(failed).rejects.not.toThrow('secret');
  });

  it('is refused where a redirect leads elsewhere', async () => {
    for (const [location, code] of [
      ['http://169.254.169.254/x', 'URL_BLOCKED'],
      ['https://169.254.169.254/x', 'URL_BLOCKED_ADDRESS'],
      ['https://[::1]/x', 'URL_BLOCKED_ADDRESS'],
      ['file:///etc/passwd', 'URL_BLOCKED'],
    ] as const) {
      answer = (_, response) => response.writeHead(302, { location }).end();
      await expect(open(`http://127.0.0.1:${port()}/x.zip`)).rejects.toMatchObject({ code });
    }
    answer = (_, response) => response.writeHead(302, { location: '/again' }).end();
    await expect(open(`http://127.0.0.1:${port()}/x.zip`)).rejects.toThrow('redirects');
  });

  it('says what went wrong on the way, and leaves nothing', async () => {
    answer = (_, response) => response.writeHead(404).end();
    await expect(open(`http://127.0.0.1:${port()}/x.zip`)).rejects.toMatchObject({
      code: 'URL_FETCH',
      kind: 'transient',
    });
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    };
    await expect(open(`http://127.0.0.1:${port()}/x.zip`)).rejects.toMatchObject({ code: 'URL_FETCH' });
    answer = (_, response) => response.end('<html>log in</html>');
    await expect(open(`http://127.0.0.1:${port()}/x.zip`)).rejects.toMatchObject({ code: 'DATASET_FORMAT' });
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('addresses', () => {
  it('are closed unless they are public', () => {
    for (const closed of '10.1.2.3 172.31.0.1 192.168.1.1 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 fe80::1 fc00::1 :: 64:ff9b::a00:1 2002:a00:1::'.split(
      ' ',
    )) {
      expect([closed, isClosedAddress(closed)]).toEqual([closed, true]);
    }
    for (const open of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111']) {
      expect([open, isClosedAddress(open)]).toEqual([open, false]);
    }
  });

  it('open for names and networks on the list alone', () => {
    const allowed = allowedHosts(['data.internal', '10.0.0.0/8']);
    expect(checkedUrl('http://data.internal/x.zip', allowed).hostname).toBe('data.internal');
    expect(checkedUrl('https://10.9.8.7/x.zip', allowed).hostname).toBe('10.9.8.7');
    expect(() => checkedUrl('https://192.168.0.1/x.zip', allowed)).toThrow('URL_BLOCKED_ADDRESS');
    expect(() => checkedUrl('http://data.internal.example.org/x.zip', allowed)).toThrow('URL_BLOCKED');
  });

  it('never pass by another spelling', () => {
    fc.assert(
      fc.property(fc.constantFrom('https', 'http', 'file', 'gopher'), fc.ipV4Extended(), (scheme, host) => {
        const url = `${scheme}://${host}/x`;
        if (!URL.canParse(url)) return;
        const { hostname } = new URL(url);
        if (isClosedAddress(hostname) || scheme !== 'https')
          expect(() => checkedUrl(url, nobody)).toThrow('URL_BLOCKED');
      }),
    );
  });
});
