import type { RetrainTrigger } from '../../contracts/schedule.ts';
import { unreachable } from '../../core/errors.ts';
import type { ScheduleView, Tick } from '../../infra/clients/schedules-client.ts';
import { duration, moment } from './units.ts';

/** A row: schedule, when, next, last, outcome. */
export function listedSchedule(view: ScheduleView): (string | null)[] {
  const [last] = view.ticks;
  const next = view.next[0];
  return [
    view.scheduleId,
    timesOf(view),
    view.paused ? pausedLine(view) : next ? moment(next) : 'never again',
    last ? moment(last.scheduledAt) : null,
    last ? outcomeLine(last) : null,
  ];
}

/** What a person wants to know of one schedule. */
export function describeSchedule(view: ScheduleView): string[] {
  const { scheduleId, input, overlap, catchUpMs, jitterMs, next } = view;
  const jitter = jitterMs === 0 ? '' : `, up to ${duration(jitterMs / 1000)} later at random`;
  const counts = [
    `${view.taken} taken`,
    `${view.skippedByOverlap} skipped because one was under way`,
    `${view.missedCatchUp} missed`,
  ];
  return [
    `${scheduleId}: ${input.config.name}, ${timesOf(view)}${jitter}`,
    `trains: ${triggerLine(input.trigger)}`,
    `overlap: ${overlap}; made up for when late by up to ${duration(catchUpMs / 1000)}`,
    view.paused ? pausedLine(view) : `next: ${next.slice(0, 3).map(moment).join(', ') || 'never again'}`,
    ...(view.note && !view.paused ? [`note: ${view.note}`] : []),
    `ticks: ${counts.join(', ')}`,
    ...view.ticks.map((tick) => `  ${moment(tick.scheduledAt)}  ${outcomeLine(tick)}`),
  ];
}

/** The same for scripts. */
export function shownSchedule(view: ScheduleView) {
  const { scheduleId, input, cron, everyMs, timeZone, jitterMs, overlap, catchUpMs, paused, note } = view;
  return {
    schedule: scheduleId,
    pipeline: input.config.name,
    trigger: input.trigger,
    times: { cron: [...cron], everySeconds: seconds(everyMs), timeZone, jitterSeconds: jitterMs / 1000 },
    overlap,
    catchUpSeconds: catchUpMs / 1000,
    paused,
    note,
    next: view.next.map((date) => date.toISOString()),
    counts: { taken: view.taken, skippedByOverlap: view.skippedByOverlap, missedCatchUp: view.missedCatchUp },
    last: view.ticks.map(({ scheduledAt, outcome }) => ({ scheduledAt: scheduledAt.toISOString(), outcome })),
  };
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
const pausedLine = ({ note }: ScheduleView): string => (note ? `paused: ${note}` : 'paused');

function timesOf({ cron, everyMs, timeZone }: ScheduleView): string {
  const every = everyMs === null ? [] : [`every ${duration(everyMs / 1000)}`];
  return [...cron.map((expression) => `${expression} ${timeZone}`), ...every].join('; ');
}

function triggerLine(trigger: RetrainTrigger): string {
  switch (trigger.kind) {
    case 'always':
      return 'at every tick';
    case 'changed':
      return 'when the data or the configuration changed';
    case 'threshold': {
      const { newImages, drift } = trigger;
      const limits = [
        ...(newImages === null ? [] : [`from ${newImages} new images on`]),
        ...(drift === null ? [] : [`from a drift of ${drift} on`]),
      ];
      return `${limits.join(' or ')}, and when the configuration changed`;
    }
    default:
      return unreachable(trigger);
  }
}

function outcomeLine({ outcome }: Tick): string {
  if (outcome === null) return 'no word of it yet';
  return outcome.status === 'skipped'
    ? `skipped: ${outcome.reason}`
    : `${outcome.status}: run ${outcome.runId}, ${outcome.reason}`;
}
