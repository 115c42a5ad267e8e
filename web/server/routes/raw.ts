import type { FastifyInstance, FastifyRequest } from 'fastify';
import { inputError, messageOf } from '../../../core/errors.ts';
import { isSha256 } from '../../../core/ids.ts';
import { sniff } from '../../../infra/images/formats/sniff.ts';
import type { User } from '../auth.ts';
import type { Context } from '../context.ts';
import { followRun } from '../read/follow-run.ts';
import { followSweep } from '../read/follow-sweep.ts';
import { requireRunId } from '../read/run-view.ts';
import { addDownloads } from './downloads.ts';
import { addTrainingPictures } from './training-pictures.ts';
import { lockDown } from '../lock-down.ts';
import { openEventStream, readerGone } from '../streams.ts';

/** Streams that may be open at once: each asks Temporal twice a second. */
const MAX_STREAMS = 64;

/** Requests that are answered with something else than JSON. */
export function addRawRoutes(api: FastifyInstance, context: Context, userOf: (request: FastifyRequest) => User): void {
  addStreams(api, context, userOf);
  addImages(api, context);
  addReport(api, context);
  addDownloads(api, context);
  addTrainingPictures(api, context);
}

type Follow = (id: string, signal: AbortSignal) => AsyncGenerator<{ readonly kind: string }>;

function addStreams(api: FastifyInstance, context: Context, userOf: (request: FastifyRequest) => User): void {
  const { backend } = context;
  const { store, explain } = backend;
  let open = 0;
  const add = (path: string, follow: Follow): void => {
    api.get<{ Params: { id: string } }>(path, async (request, reply) => {
      userOf(request);
      const { id } = request.params;
      requireRunId(id);
      if (open >= MAX_STREAMS) {
        throw inputError('TOO_MANY', 'the stream', `${open} are open`, `at most ${MAX_STREAMS}`, 'close other windows');
      }
      open++;
      try {
        const events = follow(id, readerGone(reply))[Symbol.asyncIterator]();
        // What is not there is told as such: nothing has been sent yet.
        let next = await events.next();
        const stream = openEventStream(reply);
        for (; next.done !== true; next = await events.next()) stream.send(next.value);
        stream.end();
      } catch (error) {
        if (!reply.sent) throw error;
        reply.raw.end(`event: gone\ndata: ${JSON.stringify({ kind: 'gone', problem: messageOf(explain(error)) })}\n\n`);
      } finally {
        open--;
      }
    });
  };
  add('/api/runs/:id/stream', (id, signal) => {
    const runs = async () => (await backend.clients()).runs;
    return followRun({ runId: requireRunId(id), runs, store, explain, signal });
  });
  add('/api/sweeps/:id/stream', (id, signal) => followSweep(backend, requireRunId(id), signal));
}

const MAX_IMAGE_BYTES = 64 * 2 ** 20;
/** What a browser shows by itself; anything else is a download. */
const SHOWN = new Set(['jpeg', 'png', 'gif', 'webp']);

/** A picture of a data set, by the hash of its bytes: what it is served as is what its first bytes say, not its name. */
function addImages(api: FastifyInstance, { backend: { store } }: Context): void {
  api.get<{ Params: { sha256: string } }>('/api/images/:sha256', async (request, reply) => {
    const { sha256 } = request.params;
    if (!isSha256(sha256)) throw imageNotFound(sha256);
    const key = `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`;
    const found = await store.get(key, { sha256, maxBytes: MAX_IMAGE_BYTES });
    if (!found) throw imageNotFound(sha256);
    const bytes = Buffer.from(found.body);
    const seen = sniff(bytes);
    const shown = seen.kind === 'accepted' && SHOWN.has(seen.format) ? seen.format : null;
    lockDown(reply);
    return reply
      .header('content-disposition', shown === null ? `attachment; filename="${sha256}"` : 'inline')
      .header('cache-control', 'private, max-age=31536000, immutable')
      .type(shown === null ? 'application/octet-stream' : `image/${shown}`)
      .send(bytes);
  });
}

function imageNotFound(text: string) {
  return inputError(
    'IMAGE_NOT_FOUND',
    text.slice(0, 80),
    'no such picture',
    'the hash of a picture',
    'reload the page',
  );
}

/** The run's own report: one file that needs nothing, in a sandbox all the same. */
function addReport(api: FastifyInstance, { backend: { store } }: Context): void {
  api.get<{ Params: { id: string } }>('/api/runs/:id/report', async (request, reply) => {
    const runId = requireRunId(request.params.id);
    const found = await store.get(`runs/${runId}/report/report.html`, { maxBytes: MAX_IMAGE_BYTES });
    if (!found) {
      throw inputError(
        'REPORT_NOT_FOUND',
        `run ${runId}`,
        'it has left no report',
        'a run that has ended',
        'wait for its end',
      );
    }
    const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'";
    return reply
      .header('content-security-policy', policy)
      .type('text/html; charset=utf-8')
      .send(Buffer.from(found.body));
  });
}
