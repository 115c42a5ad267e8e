import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Role } from '../../contracts/web.ts';
import { inputError } from '../../core/errors.ts';

/** Who asks, and how that is known. */
export interface User {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: Date;
  /** A browser sends cookies by itself, so what it asks for has to come from the dashboard's own page. */
  readonly by: 'cookie' | 'bearer' | 'proxy';
}

/** A reverse proxy that signs people in and says who they are. */
export interface ProxySignIn {
  /** The header with the user's name, lower case. */
  readonly userHeader: string;
  /** Users who may approve, promote and change runs; everybody else looks. */
  readonly approvers: readonly string[];
  /** Addresses that the proxy's requests come from. */
  readonly from: readonly string[];
}

export interface AuthOptions {
  readonly token: string;
  /** Who holds the token. */
  readonly owner: string;
  readonly cookieName: string;
  readonly proxy: ProxySignIn | null;
  /** Whether an OpenID provider signs people in, and who of them may change things; null where none does. */
  readonly oidc?: { readonly approvers: readonly string[] } | null;
  readonly nowMs: () => number;
}

const SESSION_MS = 12 * 3_600_000;

/** Signs people in: by the token, by a cookie that the token was traded for, or by a reverse proxy's word. */
export class Auth {
  private readonly options: AuthOptions;
  readonly cookieName: string;

  constructor(options: AuthOptions) {
    this.options = options;
    this.cookieName = options.cookieName;
  }

  /** Throws SIGN_IN (401). */
  userOf(request: FastifyRequest): User {
    const user = this.byProxy(request) ?? this.byBearer(request) ?? this.byCookie(request.cookies[this.cookieName]);
    if (user) return user;
    const seen = request.cookies[this.cookieName] === undefined ? 'nobody is signed in' : 'the session has expired';
    if (this.options.oidc) throw inputError('SIGN_IN_AT', 'dashboard', seen, 'a known account', 'open /auth/sign-in');
    throw inputError('SIGN_IN', 'dashboard', seen, 'the dashboard’s token', 'open the address that graft up shows');
  }

  matches(token: string): boolean {
    return sameText(token, this.options.token);
  }

  /** The value of the cookie that the token is traded for; or of one for a person whom a provider knows. */
  issue(name: string | null = null): { value: string; expiresAt: Date } {
    const expiresAt = new Date(this.options.nowMs() + SESSION_MS);
    const nonce = randomBytes(12).toString('base64url');
    const person = name === null ? '' : `.${Buffer.from(name).toString('base64url')}`;
    const head = `${expiresAt.getTime()}.${nonce}${person}`;
    return { value: `${head}.${this.sign(head)}`, expiresAt };
  }

  private byProxy(request: FastifyRequest): User | null {
    const { proxy, nowMs } = this.options;
    if (!proxy || !proxy.from.includes(request.socket.remoteAddress ?? '')) return null;
    const name = request.headers[proxy.userHeader];
    // Two headers of the name, or an empty one, are no word of anybody.
    if (typeof name !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(name)) return null;
    const role = proxy.approvers.includes(name) ? 'approver' : 'viewer';
    return { name, role, expiresAt: new Date(nowMs() + SESSION_MS), by: 'proxy' };
  }

  private byBearer({ headers: { authorization } }: FastifyRequest): User | null {
    const token = /^Bearer ([\w-]{1,200})$/.exec(authorization ?? '')?.[1];
    return token !== undefined && this.matches(token) ? this.owner(SESSION_MS + this.options.nowMs(), 'bearer') : null;
  }

  private byCookie(value: string | undefined): User | null {
    const parts = /^((\d{1,16})\.[\w-]{16}(?:\.([\w-]{1,300}))?)\.([\w-]{43})$/.exec(value ?? '');
    const [, head, expires, person, signature] = parts ?? [];
    if (head === undefined || signature === undefined || !sameText(signature, this.sign(head))) return null;
    const expiresMs = Number(expires);
    if (expiresMs <= this.options.nowMs()) return null;
    if (person === undefined) return this.owner(expiresMs, 'cookie');
    const { oidc } = this.options;
    if (!oidc) return null;
    const name = Buffer.from(person, 'base64url').toString();
    const role = oidc.approvers.includes(name) ? 'approver' : 'viewer';
    return { name, role, expiresAt: new Date(expiresMs), by: 'cookie' };
  }

  private owner(expiresMs: number, by: User['by']): User {
    return { name: this.options.owner, role: 'approver', expiresAt: new Date(expiresMs), by };
  }

  private sign(text: string): string {
    return createHmac('sha256', this.options.token).update(`session:${text}`).digest('base64url');
  }
}

/** In a time that says nothing of where they differ, nor of how long the secret is. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'graft').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
