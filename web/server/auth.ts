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
    throw inputError('SIGN_IN', 'dashboard', seen, 'the dashboard’s token', 'open the address that graft up shows');
  }

  matches(token: string): boolean {
    return sameText(token, this.options.token);
  }

  /** The value of the cookie that the token is traded for. */
  issue(): { value: string; expiresAt: Date } {
    const expiresAt = new Date(this.options.nowMs() + SESSION_MS);
    const head = `${expiresAt.getTime()}.${randomBytes(12).toString('base64url')}`;
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
    const [, head, signature] = /^(\d{1,16}\.[\w-]{16})\.([\w-]{43})$/.exec(value ?? '') ?? [];
    if (head === undefined || signature === undefined || !sameText(signature, this.sign(head))) return null;
    const expiresMs = Number(head.split('.')[0]);
    return expiresMs > this.options.nowMs() ? this.owner(expiresMs, 'cookie') : null;
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
