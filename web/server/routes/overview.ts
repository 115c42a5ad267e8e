import { Overview } from '../../../contracts/web.ts';
import type { ChampionRow, NextTick } from '../../../contracts/web.ts';
import { entriesOf, readLedger } from '../../../infra/clients/ledger.ts';
import { listModels, readModel } from '../../../infra/clients/registry.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import type { Clients } from '../backend.ts';
import type { Context } from '../context.ts';
import { readApproval } from '../read/approvals.ts';
import { runRow } from '../read/run-index.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

const SHOWN = 10;

export function overviewRoutes({ backend, index }: Context): Route[] {
  const { store } = backend;
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/overview',
      summary: 'What runs, what waits, what failed, what comes next, and who is champion.',
      answer: Overview,
      handle: async () => {
        const clients = await backend.clients();
        const all = await index.all();
        const of = (status: string) => all.filter((run) => run.status === status);
        const [waiting, running, failed] = [of('waiting-for-approval'), of('running'), of('failed')];
        const approvals = await Promise.all(
          waiting.slice(0, SHOWN).map((info) => readApproval({ runs: clients.runs, store }, info)),
        );
        return {
          counts: {
            ...{ running: running.length, waiting: waiting.length, failed: failed.length },
            ...{ completed: of('completed').length, cancelled: of('cancelled').length },
          },
          running: running.slice(0, SHOWN).map(runRow),
          waiting: approvals.flatMap((each) => each ?? []),
          failed: failed.slice(0, SHOWN).map(runRow),
          recent: all.slice(0, SHOWN).map(runRow),
          next: await nextTicks(clients),
          champions: await champions(store),
        };
      },
    }),
  ];
}

async function nextTicks({ schedules }: Clients): Promise<NextTick[]> {
  const all = await schedules.list();
  return all
    .filter(({ paused }) => !paused)
    .flatMap(({ scheduleId, input, next }) =>
      next.slice(0, 1).map((at) => ({ scheduleId, name: input.config.name, at: at.toISOString() })),
    )
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .slice(0, SHOWN);
}

async function champions(store: ObjectStore): Promise<ChampionRow[]> {
  const names = await listModels(store);
  const rows = await Promise.all(
    names.map(async (name) => {
      const [{ aliases, versions }, ledger] = await Promise.all([readModel(store, name), readLedger(store, name)]);
      return Object.entries(aliases).map(([alias, version]) => {
        const accuracy = versions.find((each) => each.version === version)?.metrics.accuracy ?? null;
        const since = entriesOf(ledger).findLast((entry) => entry.alias === alias)?.time ?? null;
        return { model: name, alias, version, accuracy, since };
      });
    }),
  );
  return rows.flat();
}
