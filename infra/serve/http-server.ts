import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fastify } from 'fastify';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { formatError, GraftError, messageOf } from '../../core/errors.ts';
import { busy } from './micro-batcher.ts';
import type { ServedModel } from './served-model.ts';
import type { ServeMetrics } from './serve-metrics.ts';

export interface HttpServerOptions {
  /** The version that answers now; null where none does. */
  readonly current: () => ServedModel | null;
  readonly metrics: ServeMetrics;
  readonly alias: string;
  /** For pictures on their way to the decoder. */
  readonly dir: string;
  /** Of a request's body, in bytes. */
  readonly maxBytes: number;
  /** Requests that may be inside at once; more are refused before their picture is looked at. */
  readonly maxInside: number;
}

/** A server that can be told to let go of what is new. */
export interface ServeApp {
  readonly app: FastifyInstance;
  /** From now on it is not ready, whatever the model is. */
  drain(): void;
}

const PICTURES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/tiff', 'application/octet-stream'];
const Query = z.object({
  top: z.coerce.number().int().min(1).max(1000).optional(),
  minScore: z.coerce.number().min(0).max(1).optional(),
});

/**
 * POST /v1/predict with the bytes of a picture → `{model, version, predictions: [{label, score}]}`, the likeliest first
 * (`?top=`); a detector's have a `box` too, left, top, width and height in pixels (`?minScore=`). GET /v1/model, /healthz, /readyz, /metrics. Errors are `{error: {code, message}}`: 400 a query, 413 too many
 * bytes, 415 a type, 422 no picture, 503 busy or not ready, with Retry-After.
 */
export function createServeApp(options: HttpServerOptions): ServeApp {
  const { current, metrics, alias, maxBytes } = options;
  const app = fastify({ bodyLimit: maxBytes, forceCloseConnections: 'idle' });
  let draining = false;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(PICTURES, { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler((_request, reply) =>
    send(reply, 404, 'NOT_FOUND', 'there is POST /v1/predict, GET /v1/model'),
  );
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const model = current();
    if (model === null || draining) return reply.code(503).send({ status: draining ? 'draining' : 'loading' });
    return { status: 'ready', model: model.version.name, version: model.version.version };
  });
  app.get('/metrics', async (_request, reply) => {
    metrics.waiting(current()?.waiting ?? 0);
    return reply.type(metrics.contentType).send(await metrics.text());
  });
  app.get('/v1/model', () => {
    const { version } = live(current());
    const { classes, image, backbone, detector } = version.model;
    const found = detector ? { detector: { kind: detector.kind, preset: detector.preset } } : {};
    return { model: version.name, version: version.version, alias, backbone, ...found, classes, image };
  });
  addPredict(app, options);
  return {
    app,
    drain: () => {
      draining = true;
    },
  };
}

function addPredict(app: FastifyInstance, { current, metrics, dir, maxInside }: HttpServerOptions): void {
  let inside = 0;
  app.post('/v1/predict', {
    onRequest: (_request, _reply, done) => {
      inside++;
      done(inside > maxInside ? busy(maxInside) : undefined);
    },
    onResponse: (_request, reply, done) => {
      inside--;
      metrics.request(reply.statusCode, reply.elapsedTime / 1000);
      done();
    },
    handler: async (request) => {
      const query = Query.safeParse(request.query);
      if (!query.success) throw inputProblem('SERVE_QUERY', 'the query', z.prettifyError(query.error));
      const { body } = request;
      if (!Buffer.isBuffer(body) || body.length === 0) throw inputProblem('IMAGE_EMPTY', 'the request', '0 bytes');
      // Taken in the very turn in which it is asked: one that waits for a file meanwhile would not be known to be in use.
      const { top = null, minScore = null } = query.data;
      const { model, predictions } = await throughFile(dir, body, async (path) => {
        const taken = live(current());
        return { model: taken, predictions: await taken.predict(path, { top, minScore }) };
      });
      const { name, version } = model.version;
      return { model: name, version, predictions };
    },
  });
}

/** Decoders take files; this one is gone when its answer is there. */
async function throughFile<T>(dir: string, bytes: Uint8Array, work: (path: string) => Promise<T>): Promise<T> {
  const path = join(dir, randomUUID());
  await writeFile(path, bytes);
  try {
    return await work(path);
  } finally {
    await rm(path, { force: true });
  }
}

function live(model: ServedModel | null): ServedModel {
  if (model !== null) return model;
  const remedy = 'ask again in a second';
  throw new GraftError('SERVE_NOT_READY', {
    kind: 'transient',
    where: 'graft serve',
    seen: 'no model is loaded',
    remedy,
  });
}

const inputProblem = (code: string, where: string, seen: string): GraftError =>
  new GraftError(code, { kind: 'input', where, seen });

function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof GraftError) {
    // Where a picture lay on this disk is nobody's business.
    const message = formatError(
      error.code,
      error.code.startsWith('IMAGE_') ? { ...error.parts, where: 'the picture' } : error.parts,
    );
    if (error.kind !== 'input') void reply.header('retry-after', '1');
    return send(reply, statusOf(error), error.code, message);
  }
  const status = statusIn(error) ?? 500;
  const code = status === 413 ? 'IMAGE_BYTES' : status === 415 ? 'IMAGE_TYPE' : status < 500 ? 'REQUEST' : 'INTERNAL';
  return send(reply, status, code, status < 500 ? messageOf(error) : 'this is a fault of graft: see its log');
}

function statusOf({ code, kind }: GraftError): number {
  if (kind !== 'input') return 503;
  return code.startsWith('IMAGE_') ? 422 : 400;
}

function statusIn(error: unknown): number | null {
  const known = typeof error === 'object' && error !== null && 'statusCode' in error;
  return known && typeof error.statusCode === 'number' ? error.statusCode : null;
}

function send(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).send({ error: { code, message } });
}
