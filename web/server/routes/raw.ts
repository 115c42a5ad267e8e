import type { FastifyInstance, FastifyRequest } from 'fastify';
import { messageOf } from '../../../core/errors.ts';
import type { User } from '../auth.ts';
import type { Context } from '../context.ts';
import { followRun } from '../read/follow-run.ts';
import { requireRunId } from '../read/run-view.ts';
import { openEventStream } from '../streams.ts';

/** Requests that are answered with something else than JSON. */
export function addRawRoutes(api: FastifyInstance, context: Context, userOf: (request: FastifyRequest) => User): void {
  const { backend } = context;
  api.get<{ Params: { id: string } }>('/api/runs/:id/stream', async (request, reply) => {
    userOf(request);
    const runId = requireRunId(request.params.id);
    const stream = openEventStream(request, reply);
    const runs = async () => (await backend.clients()).runs;
    const { store, explain } = backend;
    try {
      for await (const event of followRun({ runId, runs, store, explain, signal: stream.signal })) stream.send(event);
    } catch (error) {
      stream.send({ kind: 'away', ...{ problem: messageOf(backend.explain(error)) } });
    }
    stream.end();
  });
}
