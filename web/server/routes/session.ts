import { Health, Session } from '../../../contracts/web.ts';
import { messageOf } from '../../../core/errors.ts';
import { graftVersion } from '../../../infra/version.ts';
import type { Context } from '../context.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

type Service = Health['temporal'];

export function sessionRoutes(context: Context): Route[] {
  const temporal = watched(context, async () => {
    const { temporal: known } = await context.backend.clients();
    const { connection, workflowService } = known.client;
    await connection.withDeadline(context.nowMs() + 3_000, () =>
      workflowService.describeNamespace({ namespace: known.namespace }),
    );
  });
  const store = watched(context, async () => void (await context.backend.store.head('runs/none')));
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/session',
      summary: 'Who asks, and what that person may do.',
      answer: Session,
      handle: ({ user }) => {
        const { name, role, expiresAt } = user;
        return Promise.resolve({ user: name, role, graftVersion, expiresAt: expiresAt.toISOString() });
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/health',
      summary: 'Whether Temporal and the store answer.',
      answer: Health,
      handle: async () => {
        const [first, second] = await Promise.all([temporal(), store()]);
        return { temporal: first, store: second };
      },
    }),
  ];
}

/** Remembers since when a service is as it is. */
function watched({ backend, nowMs }: Context, check: () => Promise<void>): () => Promise<Service> {
  let known: Service = { ok: true, problem: null, since: new Date(nowMs()).toISOString() };
  return async () => {
    const problem = await check().then(
      () => null,
      (error: unknown) => messageOf(backend.explain(error)),
    );
    const ok = problem === null;
    known = { ok, problem, since: ok === known.ok ? known.since : new Date(nowMs()).toISOString() };
    return known;
  };
}
