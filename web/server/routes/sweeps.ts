import { Sweep, SweepChange, Sweeps } from '../../../contracts/web.ts';
import type { Context } from '../context.ts';
import { requireRunId } from '../read/run-view.ts';
import { readSweep, sweepView } from '../read/sweep-view.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

const MOST = 1_000;

export function sweepRoutes({ backend }: Context): Route[] {
  const { store } = backend;
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/sweeps',
      summary: 'Sweeps, the newest first.',
      answer: Sweeps,
      handle: async () => {
        const { sweeps } = await backend.clients();
        const found = await sweeps.list(MOST);
        return {
          sweeps: found.map(({ sweepId, status, startedAt, endedAt }) => ({
            ...{ sweepId, status, startedAt: startedAt.toISOString(), endedAt: endedAt?.toISOString() ?? null },
          })),
        };
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/sweeps/:id',
      summary: 'Trials, what mattered and the rungs of a sweep.',
      answer: Sweep,
      handle: async ({ params }) => readSweep(backend, requireRunId(params['id'])),
    }),
    route({
      ...noInput,
      method: 'POST',
      path: '/api/sweeps/:id/change',
      summary: 'Pauses, resumes or stops a sweep, or stops a trial.',
      body: SweepChange,
      answer: Sweep,
      handle: async ({ params, body }) => {
        const sweepId = requireRunId(params['id']);
        const { sweeps } = await backend.clients();
        const asked = body.kind === 'stop' ? ({ kind: 'stop', reason: 'asked' } as const) : body;
        return sweepView(store, await sweeps.change(sweepId, asked));
      },
    }),
  ];
}
