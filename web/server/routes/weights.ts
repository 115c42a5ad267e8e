import type { FastifyInstance } from 'fastify';
import { inputError } from '../../../core/errors.ts';
import { resolveModel } from '../../../infra/clients/registry.ts';
import type { Context } from '../context.ts';

/** GET /api/models/:name/versions/:version/weights: the safetensors of a version, streamed, as a download. */
export function addWeights(api: FastifyInstance, { backend: { store } }: Context): void {
  api.get<{ Params: { name: string; version: string } }>(
    '/api/models/:name/versions/:version/weights',
    async (request, reply) => {
      const { name, version } = request.params;
      if (!/^\d{1,9}$/.test(version)) {
        throw inputError('VERSION_UNKNOWN', name.slice(0, 120), version.slice(0, 20), 'a version', 'reload the page');
      }
      const { weights, name: known } = await resolveModel(store, `${name}@${version}`);
      return reply
        .header('content-disposition', `attachment; filename="${known}-${version}.safetensors"`)
        .header('content-length', String(weights.sizeBytes))
        .type('application/octet-stream')
        .send(await store.stream(weights.key));
    },
  );
}
