import type { FastifyInstance, FastifyReply } from 'fastify';
import { ExportFormat, ExportPrecision } from '../../../contracts/export.ts';
import type { BlobRef } from '../../../contracts/manifests.ts';
import { inputError } from '../../../core/errors.ts';
import type { GraftError } from '../../../core/errors.ts';
import { modelCard } from '../../../core/promotion/model-card.ts';
import { readExport } from '../../../infra/clients/exports.ts';
import { cardFacts } from '../../../infra/clients/model-card.ts';
import type { Context } from '../context.ts';
import { requireVersion } from '../read/require-version.ts';
import { readerGone } from '../streams.ts';

interface Asked {
  Params: { name: string; version: string };
}

interface AskedExport {
  Params: Asked['Params'] & { file: string };
}

/** Files that may be on their way at once: each holds a connection to the store for as long as its reader takes. */
const MAX_DOWNLOADS = 16;

/** What a version is taken away as: its safetensors and its exports, streamed, and its card, in Markdown. */
export function addDownloads(api: FastifyInstance, { backend: { store } }: Context): void {
  let open = 0;
  const send = async (reply: FastifyReply, { key, sizeBytes }: BlobRef, file: string): Promise<FastifyReply> => {
    if (open >= MAX_DOWNLOADS) {
      const limit = `at most ${MAX_DOWNLOADS}`;
      throw inputError('TOO_MANY', 'downloads', `${open} are under way`, limit, 'wait for one to end');
    }
    const signal = readerGone(reply);
    open++;
    const body = await store.stream(key, { signal }).catch((error: unknown) => {
      open--;
      throw error;
    });
    body.once('close', () => open--);
    signal.addEventListener('abort', () => body.destroy());
    return reply
      .header('content-disposition', `attachment; filename="${file}"`)
      .header('content-length', String(sizeBytes))
      .type('application/octet-stream')
      .send(body);
  };
  api.get<Asked>('/api/models/:name/versions/:version/weights', async (request, reply) => {
    const { weights, name, version } = await requireVersion(store, request.params);
    return send(reply, weights, `${name}-${version}.safetensors`);
  });
  api.get<AskedExport>('/api/models/:name/versions/:version/exports/:file', async (request, reply) => {
    const { name, version } = await requireVersion(store, request.params);
    const { file } = request.params;
    const kind = exportKind(file);
    const record = kind && (await readExport(store, name, version, kind.format, kind.precision));
    if (!record?.archive) throw exportMissing(name, version, file);
    return send(reply, record.archive, `${name}-${version}-${file}`);
  });
  api.get<Asked>('/api/models/:name/versions/:version/card', async (request, reply) => {
    const found = await requireVersion(store, request.params);
    return reply
      .header('content-disposition', `attachment; filename="${found.name}-${found.version}.md"`)
      .type('text/markdown; charset=utf-8')
      .send(modelCard(await cardFacts(store, found)));
  });
}

/** `onnx-int8.tar` and the like; null for any other name. */
function exportKind(file: string): { format: ExportFormat; precision: ExportPrecision } | null {
  const [, first, second] = /^([a-z-]+)-([a-z0-9]+)\.tar$/.exec(file) ?? [];
  const [format, precision] = [ExportFormat.safeParse(first), ExportPrecision.safeParse(second)];
  return format.success && precision.success ? { format: format.data, precision: precision.data } : null;
}

function exportMissing(name: string, version: number, file: string): GraftError {
  const remedy = `graft models export ${name}@${version}`;
  return inputError(
    'EXPORT_NOT_FOUND',
    `${name} version ${version}`,
    file.slice(0, 80),
    'an export that is kept',
    remedy,
  );
}
