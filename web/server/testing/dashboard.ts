import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import type { RunInfo } from '../../../infra/clients/runs-client.ts';
import { transientError } from '../../../core/errors.ts';
import { createMemoryObjectStore } from '../../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../../test/fakes/memory-object-store.ts';
import { createApp } from '../app.ts';
import { Auth } from '../auth.ts';
import type { ProxySignIn } from '../auth.ts';
import type { Backend } from '../backend.ts';
import { allowedHosts } from '../guards.ts';
import { OidcSignIn } from '../oidc.ts';
import type { OidcOptions } from '../oidc.ts';
import { RunIndex } from '../read/run-index.ts';
import { createTrainingSheet } from '../read/training-pictures.ts';

export const TOKEN = 'T'.repeat(43);
export const HOST = '127.0.0.1:4000';
export const ORIGIN = `http://${HOST}`;

export interface TestDashboard {
  readonly app: FastifyInstance;
  readonly store: MemoryObjectStore;
  /** What the server wrote into its log. */
  readonly logged: string[];
  nowMs: number;
  /** The cookie that the token is traded for, as a request sends it. */
  signIn(): Promise<string>;
  ask(options: InjectOptions & { readonly cookie?: string }): Promise<LightMyRequestResponse>;
}

/** The server on a store in memory, with Temporal away unless `backend` says otherwise. */
export async function testDashboard(
  options: {
    readonly proxy?: ProxySignIn;
    readonly oidc?: OidcOptions & { readonly approvers: readonly string[] };
    readonly runs?: readonly RunInfo[];
    readonly backend?: Partial<Backend>;
    readonly nowMs?: number;
  } = {},
): Promise<TestDashboard> {
  const store = createMemoryObjectStore();
  const logged: string[] = [];
  const away = () =>
    Promise.reject(transientError('TEMPORAL_UNREACHABLE', '127.0.0.1:1', 'refused', 'a server', 'graft up'));
  const backend: Backend = {
    ...{ store, clients: away, explain: (error: unknown) => error, close: () => Promise.resolve() },
    ...options.backend,
  };
  const clock = { nowMs: options.nowMs ?? Date.parse('2026-11-26T12:00:00Z') };
  const nowMs = (): number => clock.nowMs;
  const app = await createApp({
    context: {
      backend,
      nowMs,
      sheet: createTrainingSheet(backend.store),
      index: new RunIndex({ scan: () => (options.runs ? Promise.resolve(options.runs) : away()), nowMs }),
    },
    auth: new Auth({
      token: TOKEN,
      owner: 'ada',
      cookieName: 'graft-4000',
      proxy: options.proxy ?? null,
      oidc: options.oidc ?? null,
      nowMs,
    }),
    oidc: options.oidc ? new OidcSignIn(options.oidc, { secret: TOKEN, nowMs }) : null,
    hosts: allowedHosts('127.0.0.1', 4000, []),
    dist: mkdtempSync(join(tmpdir(), 'graft-page-')),
    secure: false,
    log: (text) => logged.push(text),
    predictor: { predict: away, close: () => Promise.resolve() },
  });
  const ask: TestDashboard['ask'] = ({ cookie, headers, ...rest }) =>
    app.inject({ ...rest, headers: { host: HOST, ...(cookie === undefined ? {} : { cookie }), ...headers } });
  return Object.assign(clock, {
    ...{ app, store, logged, ask },
    signIn: async () => {
      const { headers } = await ask({ method: 'GET', url: `/?token=${TOKEN}` });
      return String(headers['set-cookie']).split(';')[0] ?? '';
    },
  });
}
