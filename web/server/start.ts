import { errnoOf, inputError, messageOf } from '../../core/errors.ts';
import { requester } from '../../infra/clients/requester.ts';
import { scanRuns } from '../../infra/clients/runs-client.ts';
import type { Connections } from '../../infra/config.ts';
import { ensurePage, pageDist } from '../page-build.ts';
import { createApp } from './app.ts';
import { Auth } from './auth.ts';
import type { ProxySignIn } from './auth.ts';
import { createBackend } from './backend.ts';
import { allowedHosts } from './guards.ts';
import { OidcSignIn } from './oidc.ts';
import type { OidcOptions } from './oidc.ts';
import { createPredictor } from './predictor.ts';
import { RunIndex } from './read/run-index.ts';
import { createTrainingSheet } from './read/training-pictures.ts';

export interface DashboardOptions {
  readonly connections: Connections;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly token: string;
  /** More names, with their ports, that it answers to. */
  readonly allowHosts: readonly string[];
  readonly proxy: ProxySignIn | null;
  /** An OpenID provider that signs people in, and who of them may change things. */
  readonly oidc?: (OidcOptions & { readonly approvers: readonly string[] }) | null;
  readonly secure: boolean;
  readonly log: (text: string) => void;
  /** The built page; built here, where it is missing or old, if absent. */
  readonly dist?: string;
}

export interface Dashboard {
  /** Without the token. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the dashboard until it is closed. WEB_PORT (input) where the port is taken. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, token, allowHosts, log, proxy, secure, oidc = null } = options;
  const nowMs = (): number => Date.now();
  const backend = createBackend(options.connections);
  const scan = async (since: Date | null) => scanRuns((await backend.clients()).temporal, since);
  const hosts = new Set<string>();
  const predictor = createPredictor(backend.store);
  const app = await createApp({
    context: { backend, nowMs, index: new RunIndex({ scan, nowMs }), sheet: createTrainingSheet(backend.store) },
    auth: new Auth({ ...{ token, proxy, oidc, nowMs }, owner: requester(), cookieName: `graft-${options.port}` }),
    oidc: oidc && new OidcSignIn(oidc, { secret: token, nowMs }),
    ...{ hosts, secure, log, predictor, dist: options.dist ?? pageDist },
  });
  try {
    const url = await app.listen({ host, port: options.port });
    const port = Number(new URL(url).port);
    for (const name of allowedHosts(host, port, allowHosts)) hosts.add(name);
    // Meanwhile it answers, and says at its page's address that the page is being built.
    if (options.dist === undefined) ensurePage({ onStep: log }).catch((error: unknown) => log(messageOf(error)));
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      close: async () => {
        await app.close();
        await predictor.close();
        await backend.close();
      },
    };
  } catch (error) {
    await app.close();
    await backend.close();
    const seen = errnoOf(error) ?? messageOf(error);
    throw inputError('WEB_PORT', `${host}:${options.port}`, seen, 'a free port', 'name another with --port');
  }
}
