import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Said while there is no page yet: text and nothing that runs. */
const NO_PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>graft</title></head><body><h1>graft</h1><p>The dashboard's page is being built; this one loads it as soon as it
is there. If it stays away, see .graft/logs/web.log, or run <code>npm run build:page</code>.</p></body></html>
`;

/** Files of the page, and its one document for every address that is a page of it. */
export function addPage(app: FastifyInstance, dist: string): void {
  const index = join(dist, 'index.html');
  void app.register(fastifyStatic, {
    root: dist,
    prefix: '/',
    wildcard: true,
    index: false,
    dotfiles: 'deny',
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      // Names of built files carry a hash of what is in them.
      const fixed = path.includes('/assets/');
      void reply.header('cache-control', fixed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.setNotFoundHandler((request, reply) => {
    const isPage =
      request.method === 'GET' && !/^\/(api|assets)(\/|$)/.test(request.url) && !/\.\w+($|\?)/.test(request.url);
    if (!isPage) {
      const message = `NOT_FOUND: dashboard — no such address — see /api/openapi.json`;
      const error = { code: 'NOT_FOUND', message, remedy: 'see /api/openapi.json', retryAfter: null };
      return reply.code(404).send({ error });
    }
    void reply.header('cache-control', 'no-cache');
    if (existsSync(index)) return reply.sendFile('index.html');
    return reply.type('text/html; charset=utf-8').send(NO_PAGE);
  });
}
