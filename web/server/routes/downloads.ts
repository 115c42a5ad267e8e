import type { FastifyInstance } from 'fastify';
import type { ModelVersion } from '../../../contracts/registry.ts';
import { inputError } from '../../../core/errors.ts';
import { modelCard } from '../../../core/promotion/model-card.ts';
import { cardFacts } from '../../../infra/clients/model-card.ts';
import { resolveModel } from '../../../infra/clients/registry.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import type { Context } from '../context.ts';

interface Asked {
  Params: { name: string; version: string };
}

/** What a version is taken away as: its safetensors, streamed, and its card, in Markdown. */
export function addDownloads(api: FastifyInstance, { backend: { store } }: Context): void {
  api.get<Asked>('/api/models/:name/versions/:version/weights', async (request, reply) => {
    const { weights, name, version } = await versionOf(store, request.params);
    return reply
      .header('content-disposition', `attachment; filename="${name}-${version}.safetensors"`)
      .header('content-length', String(weights.sizeBytes))
      .type('application/octet-stream')
      .send(await store.stream(weights.key));
  });
  api.get<Asked>('/api/models/:name/versions/:version/card', async (request, reply) => {
    const found = await versionOf(store, request.params);
    return reply
      .header('content-disposition', `attachment; filename="${found.name}-${found.version}.md"`)
      .type('text/markdown; charset=utf-8')
      .send(modelCard(await cardFacts(store, found)));
  });
}

async function versionOf(store: ObjectStore, { name, version }: Asked['Params']): Promise<ModelVersion> {
  if (/^\d{1,9}$/.test(version)) return resolveModel(store, `${name}@${version}`);
  throw inputError('VERSION_UNKNOWN', name.slice(0, 120), version.slice(0, 20), 'a version', 'reload the page');
}
