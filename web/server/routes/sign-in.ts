import type { FastifyInstance } from 'fastify';
import type { Auth } from '../auth.ts';
import type { OidcSignIn } from '../oidc.ts';

/** Tries of one address, a minute. */
const TRIES = { max: 20, timeWindow: 60_000 };
const KEPT = 'graft-sign-in';

interface SignInOptions {
  readonly auth: Auth;
  readonly oidc: OidcSignIn;
  readonly secure: boolean;
}

/** GET /auth/sign-in goes to the provider, which sends the browser back to /auth/callback. */
export function addOidcSignIn(app: FastifyInstance, { auth, oidc, secure }: SignInOptions): void {
  // Lax: the provider's page sends the browser back here.
  const shared = { httpOnly: true, sameSite: 'lax', path: '/auth', secure } as const;
  app.get('/auth/sign-in', { config: { rateLimit: TRIES } }, async (_request, reply) => {
    const { url, kept } = await oidc.begin();
    return reply.setCookie(KEPT, kept, shared).header('cache-control', 'no-store').redirect(url, 303);
  });
  app.get('/auth/callback', { config: { rateLimit: TRIES } }, async (request, reply) => {
    const search = request.url.slice(request.url.indexOf('?'));
    const name = await oidc.finish(search, request.cookies[KEPT]);
    const { value, expiresAt } = auth.issue(name);
    void reply.clearCookie(KEPT, shared).setCookie(auth.cookieName, value, {
      ...{ httpOnly: true, sameSite: 'strict', path: '/', expires: expiresAt, secure },
    });
    return reply.header('cache-control', 'no-store').redirect('/', 303);
  });
}
