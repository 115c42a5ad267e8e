import { Cron } from 'croner';
import { inputError, messageOf } from '../../core/errors.ts';

/** TIME_ZONE (input) unless the machine's time zone database knows it. */
export function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    const remedy = 'write a name of the IANA database, as timedatectl list-timezones shows them';
    throw inputError(
      'TIME_ZONE',
      '--time-zone',
      timeZone.slice(0, 80),
      'Europe/Berlin, America/New_York, UTC …',
      remedy,
    );
  }
}

/**
 * When a cron expression fires next. Five fields; as in Temporal, a day of the month and a day of the week must both fit.
 * Throws CRON_SYNTAX and, for one that can't come true (30 February), CRON_NEVER, both `input`.
 */
export function nextCronTime(expression: string, timeZone: string, from: Date): Date {
  const where = `--cron '${expression.slice(0, 80)}'`;
  const next = parse(expression, timeZone, where).nextRun(from);
  if (next !== null) return next;
  throw inputError('CRON_NEVER', where, 'it never fires', 'a time that comes', 'correct the day or the month');
}

function parse(expression: string, timezone: string, where: string): Cron {
  try {
    return new Cron(expression, { timezone, domAndDow: true, mode: '5-part', paused: true });
  } catch (error) {
    const seen = messageOf(error).replace(/^CronPattern: /, '');
    throw inputError('CRON_SYNTAX', where, seen, 'minute hour day month weekday', "e.g. '0 3 * * *': daily at three");
  }
}
