import { fastify } from 'fastify';
import { errnoOf, inputError, messageOf } from '../../core/errors.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** GET /metrics for Prometheus and nothing else. METRICS_PORT (input) where the port is taken. */
export async function startMetricsServer(metrics: WorkerMetrics, host: string, port: number): Promise<MetricsServer> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  try {
    const url = await app.listen({ host, port });
    return { url, close: () => app.close() };
  } catch (error) {
    await app.close();
    const seen = errnoOf(error) ?? messageOf(error);
    throw inputError('METRICS_PORT', `${host}:${port}`, seen, 'a free port', 'name another in GRAFT_METRICS_PORT');
  }
}
