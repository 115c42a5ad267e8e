/** Sign-in at a real OpenID provider (oidc-provider, in this process): who gets in, as what, and what is refused. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORIGIN, testDashboard } from './testing/dashboard.ts';
import type { TestDashboard } from './testing/dashboard.ts';

let web: TestDashboard;
let provider: Server;
let issuer: string;

beforeAll(async () => {
  provider = createServer();
  await new Promise<void>((ready) => provider.listen(0, '127.0.0.1', ready));
  const address = provider.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  issuer = `http://127.0.0.1:${String(address.port)}`;
  const known = new Provider(issuer, {
    clients: [
      {
        client_id: 'graft',
        client_secret: 'a secret of forty characters or so ........',
        redirect_uris: [`${ORIGIN}/auth/callback`],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    // The claims come in the id token, as large providers send them.
    conformIdTokenClaims: false,
    cookies: { keys: ['k'] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: id !== 'eve' }),
    }),
  });
  const answer = known.callback();
  provider.on('request', (request, response) => void answer(request, response));
  const oidc = {
    ...{ issuer, clientId: 'graft', clientSecret: 'a secret of forty characters or so ........' },
    ...{ publicUrl: ORIGIN, claim: 'email', approvers: ['grace@example.org'] },
  };
  web = await testDashboard({ oidc, nowMs: Date.now() });
});
afterAll(async () => {
  await web.app.close();
  provider.close();
});

const cookiesOf = (headers: Headers, jar: Map<string, string>): void => {
  for (const line of headers.getSetCookie()) {
    const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
    jar.set(name, value);
  }
};

/** What a browser does at the provider: signs in as `name`, consents, and is sent back; the path and query it comes with. */
async function atProvider(start: string, name: string): Promise<string> {
  const jar = new Map<string, string>();
  let url = start;
  let body: string | null = null;
  for (let i = 0; i < 20; i++) {
    const response: Response = await fetch(url, {
      redirect: 'manual',
      method: body === null ? 'GET' : 'POST',
      headers: {
        cookie: [...jar].map((pair) => pair.join('=')).join('; '),
        ...(body === null ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body === null ? {} : { body }),
    });
    cookiesOf(response.headers, jar);
    const location = response.headers.get('location');
    if (location?.startsWith(ORIGIN)) return location.slice(ORIGIN.length);
    if (location !== null) {
      url = new URL(location, url).href;
      body = null;
      continue;
    }
    const page = await response.text();
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    const action = /action="([^"]+)"/.exec(page)?.[1];
    if (prompt === undefined || action === undefined)
      throw new Error(`${String(response.status)}: ${page.slice(0, 300)}`);
    url = new URL(action, url).href;
    body = new URLSearchParams({ prompt, ...(prompt === 'login' ? { login: name, password: 'any' } : {}) }).toString();
  }
  throw new Error('the provider sends one round and round');
}

interface Begun {
  readonly url: string;
  readonly kept: string;
}

async function begin(): Promise<Begun> {
  const { statusCode, headers } = await web.ask({ url: '/auth/sign-in' });
  expect(statusCode).toBe(303);
  return { url: String(headers.location), kept: String(headers['set-cookie']).split(';')[0] ?? '' };
}

async function signIn(name: string) {
  const { url, kept } = await begin();
  return web.ask({ url: await atProvider(url, name), cookie: kept });
}

const sessionOf = (headers: Record<string, unknown>): string =>
  [headers['set-cookie']]
    .flat()
    .map(String)
    .find((line) => line.startsWith('graft-4000='))
    ?.split(';')[0] ?? '';

describe('at a provider', () => {
  it('who is known looks; who is named changes things; the ledger has the name', async () => {
    const refused = await web.ask({ url: '/api/session' });
    expect(refused.statusCode).toBe(401);
    expect(refused.json()).toMatchObject({ error: { code: 'SIGN_IN_AT', remedy: 'open /auth/sign-in' } });
    for (const [name, role, change] of [
      ['ada', 'viewer', 403],
      ['grace', 'approver', 503],
    ] as const) {
      const { statusCode, headers } = await signIn(name);
      expect([statusCode, headers.location]).toEqual([303, '/']);
      expect(String(headers['set-cookie'])).toMatch(/graft-4000=[^;]+;.*HttpOnly;.*SameSite=Strict/);
      const cookie = sessionOf(headers);
      const session = await web.ask({ url: '/api/session', cookie });
      expect(session.json()).toMatchObject({ user: `${name}@example.org`, role });
      const asked = { method: 'POST', url: '/api/runs/digits-1/cancel', cookie, headers: { origin: ORIGIN } } as const;
      expect((await web.ask(asked)).statusCode).toBe(change);
    }
  });

  it('nobody gets in with an address that is not verified, another browser’s code, or one that was used', async () => {
    expect((await signIn('eve')).json()).toMatchObject({ error: { code: 'OIDC_REFUSED' } });
    const [first, second] = [await begin(), await begin()];
    const back = await atProvider(first.url, 'grace');
    expect((await web.ask({ url: back, cookie: second.kept })).statusCode).toBe(403);
    expect((await web.ask({ url: back })).statusCode).toBe(403);
    expect((await web.ask({ url: back, cookie: first.kept })).statusCode).toBe(303);
    expect((await web.ask({ url: back, cookie: first.kept })).statusCode).toBe(403);
  });

  it('nor with a cookie that somebody has made, a forged state, or too late', async () => {
    const { url, kept } = await begin();
    const back = await atProvider(url, 'grace');
    const forged = back.replace(/state=[^&]+/, 'state=x');
    expect((await web.ask({ url: forged, cookie: kept })).statusCode).toBe(403);
    expect((await web.ask({ url: back, cookie: `${kept.slice(0, -2)}xx` })).statusCode).toBe(403);
    web.nowMs += 11 * 60_000;
    expect((await web.ask({ url: back, cookie: kept })).statusCode).toBe(403);
    web.nowMs -= 11 * 60_000;
    const cookie = sessionOf((await signIn('ada')).headers);
    const other = cookie.replace(
      Buffer.from('ada@example.org').toString('base64url'),
      Buffer.from('grace@example.org').toString('base64url'),
    );
    expect(other).not.toBe(cookie);
    expect((await web.ask({ url: '/api/session', cookie: other })).statusCode).toBe(401);
  });

  it('a provider that is away is a 503 that says what to check', async () => {
    const away = await testDashboard({
      oidc: {
        issuer: 'http://127.0.0.1:1',
        clientId: 'graft',
        clientSecret: null,
        publicUrl: ORIGIN,
        claim: 'email',
        approvers: [],
      },
    });
    const answer = await away.ask({ url: '/auth/sign-in' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({
      error: { code: 'OIDC_UNREACHABLE', remedy: expect.stringContaining('--oidc-issuer') },
    });
    await away.app.close();
  });
});
