import { CacheView, LrFind, LrFinds } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import { isRunId } from '../../../core/ids.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import type { Context } from '../context.ts';
import { cacheView } from '../read/cache-view.ts';
import { requireRunId } from '../read/run-view.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

export function cacheRoutes({ backend }: Context): Route[] {
  const { store } = backend;
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/cache/:run',
      summary: 'Which stages of a run were found done, and what made the others anew.',
      answer: CacheView,
      handle: ({ params }) => cacheView(backend, requireRunId(params['run'])),
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/lr-finds',
      summary: 'Range tests of the learning rate, the newest first.',
      answer: LrFinds,
      handle: async () => {
        const results: LrFinds['results'] = [];
        for await (const { key } of store.list('lr-finds/')) {
          const found = await readJson(store, key, LrFind);
          if (found) results.push({ id: found.id, name: found.name, createdAt: found.createdAt });
        }
        return { results: results.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)) };
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/lr-finds/:id',
      summary: 'The curve of a range test, and what to take.',
      answer: LrFind,
      handle: async ({ params: { id = '' } }) => {
        const found = isRunId(id) ? await readJson(store, `lr-finds/${id}.json`, LrFind) : null;
        if (found) return found;
        throw inputError(
          'LR_FIND_NOT_FOUND',
          id.slice(0, 120),
          'no such result',
          'one of /api/lr-finds',
          'graft lr-find FILE makes one',
        );
      },
    }),
  ];
}
