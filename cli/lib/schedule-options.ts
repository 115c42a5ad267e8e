import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { ScheduleOptions } from '@temporalio/client';
import type { RetrainTrigger } from '../../contracts/schedule.ts';
import { inputError } from '../../core/errors.ts';
import { overlapPolicies } from '../../infra/clients/schedules-client.ts';
import type { Overlap } from '../../infra/clients/schedules-client.ts';
import { checkTimeZone, nextCronTime } from '../../infra/temporal/cron.ts';

/** As commander gives them: what was not said is absent. */
export interface ScheduleFlags {
  readonly cron?: readonly string[];
  readonly every?: number;
  readonly offset?: number;
  readonly timeZone?: string;
  readonly jitter?: number;
  readonly overlap?: Overlap;
  readonly catchUp?: number;
  readonly when?: 'changed' | 'always';
  readonly newImages?: number;
  readonly drift?: number;
  readonly set?: readonly string[];
}

export function withScheduleOptions(command: Command): Command {
  return command
    .option('--cron <expression>', "minute hour day month weekday, e.g. '0 3 * * MON-FRI' (repeatable)", collect)
    .option('--every <duration>', 'at an interval: 30m, 6h, 7d', duration)
    .option('--offset <duration>', 'shifts the interval', duration)
    .option('--time-zone <name>', 'of cron expressions, e.g. Europe/Berlin; UTC where nothing is said')
    .option('--jitter <duration>', 'start up to so much later, at random', duration)
    .addOption(overlapOption('what to do while the run before is under way; skip where nothing is said'))
    .option('--catch-up <duration>', 'make up for ticks missed by up to so much while Temporal was away; 1h', duration)
    .addOption(
      new Option('--when <what>', 'changed trains only on other data or settings').choices(['changed', 'always']),
    )
    .option('--new-images <count>', 'train only from so many new images on', positive)
    .option('--drift <share>', 'train only from such a drift of the new images on, 0 to 1', share)
    .option('--set <key=value>', 'override a key of the file (repeatable)', collect);
}

export const overlapOption = (text: string): Option =>
  new Option('--overlap <policy>', text).choices(Object.keys(overlapPolicies));

/** When it fires. SCHEDULE_TIMES, CRON_SYNTAX, CRON_NEVER and TIME_ZONE (input). */
export function specOf(flags: ScheduleFlags, now: Date): ScheduleOptions['spec'] {
  const { cron = [], every, offset, timeZone = 'UTC', jitter } = flags;
  if (cron.length === 0 && every === undefined) {
    throw inputError('SCHEDULE_TIMES', 'schedule', 'no times', '--cron or --every', "e.g. --cron '0 3 * * *'");
  }
  checkTimeZone(timeZone);
  for (const expression of cron) nextCronTime(expression, timeZone, now);
  if (offset !== undefined && (every === undefined || offset >= every)) {
    throw inputError('SCHEDULE_TIMES', '--offset', 'not within an interval', 'less than --every', 'lower it');
  }
  return {
    ...(cron.length === 0 ? {} : { cronExpressions: [...cron] }),
    ...(every === undefined ? {} : { intervals: [{ every, ...(offset === undefined ? {} : { offset }) }] }),
    ...(jitter === undefined ? {} : { jitter }),
    timezone: timeZone,
  };
}

/** Whether the flags say anything of when it fires. */
export const saysTimes = ({ cron, every, offset, timeZone, jitter }: ScheduleFlags): boolean =>
  [cron, every, offset, timeZone, jitter].some((flag) => flag !== undefined);

/** When a tick trains; null where no flag says. SCHEDULE_TRIGGER (input) for flags that contradict each other. */
export function triggerOf({ when, newImages, drift }: ScheduleFlags): RetrainTrigger | null {
  if (newImages === undefined && drift === undefined) return when === undefined ? null : { kind: when };
  if (when === 'always') {
    const seen = '--when always beside a limit';
    throw inputError('SCHEDULE_TRIGGER', '--when', seen, 'one of them', 'leave out --new-images and --drift');
  }
  return { kind: 'threshold', newImages: newImages ?? null, drift: drift ?? null };
}

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `90s`, `30m`, `6h`, `7d`. */
export function duration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = unit === 's' || unit === 'm' || unit === 'h' || unit === 'd' ? UNIT_MS[unit] : 0;
  const ms = Number(count) * unitMs;
  if (ms > 0) return ms;
  throw new InvalidArgumentError('expected a duration such as 90s, 30m, 6h or 7d.');
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number above 0.');
}

function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a number above 0, at most 1.');
}
