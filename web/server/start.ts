import { fileURLToPath } from 'node:url';
import { errnoOf, inputError, messageOf } from '../../core/errors.ts';
import { requester } from '../../infra/clients/requester.ts';
import { scanRuns } from '../../infra/clients/runs-client.ts';
import type { Connections } from '../../infra/config.ts';
import { createApp } from './app.ts';
import { Auth } from './auth.ts';
import type { ProxySignIn } from './auth.ts';
import { createBackend } from './backend.ts';
import { buildPage } from './build-page.ts';
import { allowedHosts } from './guards.ts';
import { createPredictor } from './predictor.ts';
import { RunIndex } from './read/run-index.ts';

export interface DashboardOptions {
  readonly connections: Connections;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly token: string;
  /** More names, with their ports, that it answers to. */
  readonly allowHosts: readonly string[];
  readonly proxy: ProxySignIn | null;
  readonly secure: boolean;
  readonly log: (text: string) => void;
  readonly dist?: string;
}

export interface Dashboard {
  /** Without the token. */
  readonly url: string;
  close(): Promise<void>;
}

export const PAGE_DIST = fileURLToPath(new URL('../page/dist', import.meta.url));

/** Serves the dashboard until it is closed. WEB_PORT (input) where the port is taken. */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { host, token, allowHosts, log, proxy, secure } = options;
  const nowMs = (): number => Date.now();
  const backend = createBackend(options.connections);
  const scan = async (since: Date | null) => scanRuns((await backend.clients()).temporal, since);
  const hosts = new Set<string>();
  const predictor = createPredictor(backend.store);
  const dist = options.dist ?? PAGE_DIST;
  const building = new AbortController();
  const app = await createApp({
    context: { backend, nowMs, index: new RunIndex({ scan, nowMs }) },
    auth: new Auth({ ...{ token, proxy, nowMs }, owner: requester(), cookieName: `graft-${options.port}` }),
    ...{ hosts, secure, log, predictor, dist },
  });
  try {
    const url = await app.listen({ host, port: options.port });
    const port = Number(new URL(url).port);
    for (const name of allowedHosts(host, port, allowHosts)) hosts.add(name);
    void buildPage(dist, log, building.signal);
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      close: async () => {
        building.abort();
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
