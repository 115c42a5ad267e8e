import {
  Done,
  Extend,
  Extended,
  MetricsQuery,
  Run,
  RunLog,
  RunMetrics,
  Runs,
  RunsQuery,
} from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import { extendedConfig } from '../../../infra/clients/extend-run.ts';
import { isUnderWay } from '../../../infra/clients/runs-client.ts';
import { readRunRecord, readRunReport } from '../../../infra/clients/stored-run.ts';
import type { Context } from '../context.ts';
import { readRunLog } from '../read/run-log.ts';
import { readRunMetrics } from '../read/run-metrics.ts';
import { readRun, requireRunId, runNotFound } from '../read/run-view.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

const DONE: Done = { done: true };

export function runRoutes({ backend, index }: Context): Route[] {
  const { store } = backend;
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs',
      summary: 'Runs, the newest first.',
      query: RunsQuery,
      answer: Runs,
      handle: ({ query }) => index.page(query),
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id',
      summary: 'All of a run: stages, configuration, checkpoints, findings, the gate.',
      answer: Run,
      handle: async ({ params }) => {
        const runId = requireRunId(params['id']);
        const { runs } = await backend.clients();
        return readRun({ runs, store }, runId);
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/metrics',
      summary: 'Its curves, thinned.',
      query: MetricsQuery,
      answer: RunMetrics,
      handle: ({ params, query }) => readRunMetrics(store, requireRunId(params['id']), query.points),
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/runs/:id/log',
      summary: 'What happened, the oldest first.',
      answer: RunLog,
      handle: async ({ params }) => {
        const runId = requireRunId(params['id']);
        const { runs, temporal } = await backend.clients();
        return (await runs.describe(runId)) ? readRunLog(temporal, runId) : { lines: [], cut: false };
      },
    }),
    ...changes({ backend }),
  ];
}

function changes({ backend }: Pick<Context, 'backend'>): Route[] {
  const { store } = backend;
  return [
    route({
      ...noInput,
      method: 'POST',
      path: '/api/runs/:id/cancel',
      summary: 'Asks it to stop; its trainer writes a last checkpoint.',
      answer: Done,
      handle: async ({ params, user }) => {
        const runId = requireRunId(params['id']);
        const { runs } = await backend.clients();
        const info = await runs.describe(runId);
        if (!info) throw runNotFound(runId);
        if (!isUnderWay(info.status)) {
          throw inputError('RUN_ENDED', `run ${runId}`, `it is ${info.status}`, 'a running run', 'reload the page');
        }
        await runs.cancel(runId, `asked for by ${user.name} on the dashboard`);
        return DONE;
      },
    }),
    route({
      ...noInput,
      method: 'POST',
      path: '/api/runs/:id/resume',
      summary: 'Goes on with a cancelled or failed run from its last checkpoint.',
      answer: Done,
      handle: async ({ params }) => {
        const runId = requireRunId(params['id']);
        const { runs } = await backend.clients();
        const status = (await runs.describe(runId))?.status ?? (await readRunReport(store, runId))?.status;
        if (isUnderWay(status) || status === 'completed') {
          const code = isUnderWay(status) ? 'RUN_RUNNING' : 'RUN_COMPLETED';
          throw inputError(
            code,
            `run ${runId}`,
            `it is ${status ?? 'unknown'}`,
            'a cancelled or failed run',
            'reload the page',
          );
        }
        const record = await readRunRecord(store, runId);
        if (!record) throw runNotFound(runId);
        await runs.start({ runId, config: record.config, requestedBy: record.requestedBy });
        return DONE;
      },
    }),
    extendRoute(backend),
  ];
}

function extendRoute(backend: Context['backend']): Route {
  const { store } = backend;
  return route({
    ...noInput,
    method: 'POST',
    path: '/api/runs/:id/extend',
    summary: 'Goes on with a run that has ended until more epochs are done.',
    body: Extend,
    answer: Extended,
    handle: async ({ params, body, user }) => {
      const runId = requireRunId(params['id']);
      const { runs } = await backend.clients();
      if (isUnderWay((await runs.describe(runId))?.status)) {
        throw inputError('RUN_RUNNING', `run ${runId}`, 'it is running', 'a run that has ended', 'wait for its end');
      }
      const record = await readRunRecord(store, runId);
      if (!record) throw runNotFound(runId);
      const { config, warning } = extendedConfig(record.config, body.epochs, `run ${runId}`);
      await runs.start({ runId, config, requestedBy: user.name });
      return { ...DONE, warning };
    },
  });
}
