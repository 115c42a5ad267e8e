import type { FastifyRequest } from 'fastify';
import { inputError } from '../../core/errors.ts';
import type { User } from './auth.ts';

/**
 * The names that this server answers to, as `Host` has them: a page of another origin whose name has been made to point
 * here (DNS rebinding) still says its own.
 */
export function allowedHosts(host: string, port: number, extra: readonly string[]): ReadonlySet<string> {
  const own = host.includes(':') ? `[${host}]` : host;
  const loopback = /^(127\.|localhost$|::1$)/.test(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [];
  const named = [own, ...loopback].map((name) => `${name}:${port}`);
  return new Set([...named, ...extra].map((name) => name.toLowerCase()));
}

/** Throws HOST_REFUSED (403). */
export function checkHost({ headers: { host } }: FastifyRequest, allowed: ReadonlySet<string>): void {
  if (host !== undefined && allowed.has(host.toLowerCase())) return;
  const seen = host === undefined ? 'no Host header' : `Host ${JSON.stringify(host.slice(0, 100))}`;
  const remedy = 'open it by the address it was started with, or name this one with --allow-host';
  throw inputError('HOST_REFUSED', 'dashboard', seen, 'a name that this server answers to', remedy);
}

/** What nobody but the dashboard's own page, or a script with the token, may ask for. Throws ORIGIN_REFUSED (403). */
export function checkOrigin(request: FastifyRequest, allowed: ReadonlySet<string>): void {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin !== undefined && !isOwn(origin, allowed)) refuse(`Origin ${JSON.stringify(origin.slice(0, 100))}`);
  if (site !== undefined && site !== 'same-origin' && site !== 'none') refuse(`Sec-Fetch-Site: ${String(site)}`);
}

/** The same for what changes something: whoever is signed in by a browser must show where the request comes from. */
export function checkChange(request: FastifyRequest, user: User): void {
  if (user.by === 'bearer') return;
  const { origin } = request.headers;
  if (origin === undefined && request.headers['sec-fetch-site'] !== 'same-origin') refuse('no Origin');
}

function isOwn(origin: string, allowed: ReadonlySet<string>): boolean {
  const name = /^https?:\/\/([^/?#]+)$/.exec(origin)?.[1];
  return name !== undefined && allowed.has(name.toLowerCase());
}

function refuse(seen: string): never {
  const remedy = 'use the dashboard itself, or send the token as Authorization: Bearer';
  throw inputError('ORIGIN_REFUSED', 'dashboard', seen, 'a request of the dashboard’s own page', remedy);
}
