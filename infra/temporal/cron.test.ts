import { describe, expect, it } from 'vitest';
import { checkTimeZone, nextCronTime } from './cron.ts';

const from = new Date('2026-11-25T00:00:00Z');

describe('cron expressions', () => {
  it.each([
    ['0 3 * * *', 'UTC', '2026-11-25T03:00:00.000Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-11-25T02:00:00.000Z'],
    ['0 3 * * *', 'America/New_York', '2026-11-25T08:00:00.000Z'],
    // The thirteenth and a Friday, not one of the two.
    ['0 0 13 * FRI', 'UTC', '2027-08-13T00:00:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2028-02-29T00:00:00.000Z'],
  ])('%s in %s fires next at %s', (expression, zone, next) => {
    expect(nextCronTime(expression, zone, from).toISOString()).toBe(next);
  });

  it.each(['0 0 30 2 *', '0 0 31 4 *', '0 0 31 2,4,6,9,11 *'])('%s never fires', (expression) => {
    expect(() => nextCronTime(expression, 'UTC', from)).toThrow(/^CRON_NEVER: .*it never fires/);
  });

  it.each(['61 * * * *', '0 3 * *', '', '* * * * * * *', 'often'])('%j is none', (expression) => {
    expect(() => nextCronTime(expression, 'UTC', from)).toThrow(/^CRON_SYNTAX: /);
  });
});

describe('time zones', () => {
  it('are those of the IANA database', () => {
    checkTimeZone('Asia/Kathmandu');
    for (const zone of ['Mars/Olympus', '', 'CET+1;rm']) expect(() => checkTimeZone(zone)).toThrow(/^TIME_ZONE: /);
  });
});
