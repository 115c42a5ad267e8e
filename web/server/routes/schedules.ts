import { z } from 'zod';
import { ScheduleRow, Schedules } from '../../../contracts/web.ts';
import type { ScheduleView } from '../../../infra/clients/schedules-client.ts';
import type { Context } from '../context.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

const Note = z.strictObject({ note: z.string().max(500).optional() });

export function scheduleRoutes({ backend }: Context): Route[] {
  const change = (name: 'trigger' | 'pause' | 'resume', summary: string): Route =>
    route({
      ...noInput,
      method: 'POST',
      path: `/api/schedules/:id/${name}`,
      summary,
      body: Note,
      answer: ScheduleRow,
      handle: async ({ params: { id = '' }, body: { note }, user }) => {
        const { schedules } = await backend.clients();
        const said = `${note ?? ''} (${user.name})`.trim();
        if (name === 'trigger') await schedules.trigger(id);
        else await schedules[name](id, said);
        return scheduleRow(await schedules.show(id));
      },
    });
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/schedules',
      summary: 'Schedules with their next and last ticks.',
      answer: Schedules,
      handle: async () => {
        const { schedules } = await backend.clients();
        return { schedules: (await schedules.list()).map(scheduleRow) };
      },
    }),
    change('trigger', 'Takes a tick now.'),
    change('pause', 'Takes no ticks until it is resumed.'),
    change('resume', 'Takes ticks again.'),
  ];
}

export function scheduleRow(view: ScheduleView): ScheduleRow {
  const { scheduleId, input, cron, everyMs, timeZone, paused, note } = view;
  const { taken, skippedByOverlap, missedCatchUp } = view;
  return {
    ...{
      scheduleId,
      name: input.config.name,
      cron: [...cron],
      everyMs,
      timeZone,
      trigger: input.trigger,
      paused,
      note,
    },
    next: view.next.map((at) => at.toISOString()),
    ticks: view.ticks.map(({ scheduledAt, outcome }) => ({ at: scheduledAt.toISOString(), outcome })),
    ...{ taken, skippedByOverlap, missedCatchUp },
  };
}
