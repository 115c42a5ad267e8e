import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRunId } from '../../core/ids.ts';
import { newRunId } from '../../core/run-id.ts';
import { count, duration, plural, sizeOf } from './units.ts';

describe('newRunId', () => {
  it('is name, UTC time and four hex digits', () => {
    expect(newRunId('digits', new Date('2026-11-24T10:15:00.999Z'), 0x3f9a)).toBe('digits-20261124-101500-3f9a');
    expect(newRunId('digits', new Date('2026-01-02T03:04:05Z'), 7)).toBe('digits-20260102-030405-0007');
  });

  it('is a run id for every name a pipeline may have', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(name, fc.date({ min: new Date(0), max: new Date('9999-01-01') }), fc.nat(), (text, date, random) => {
        if (!Number.isNaN(date.getTime())) expect(isRunId(newRunId(text, date, random))).toBe(true);
      }),
    );
  });

  it('sorts by time within a name', () => {
    const early = newRunId('a', new Date('2026-09-30T23:59:59Z'), 0xffff);
    expect(early < newRunId('a', new Date('2026-10-01T00:00:00Z'), 0)).toBe(true);
  });
});

describe('figures for people', () => {
  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [59.4, '59 s'],
    [59.6, '1 m 00 s'],
    [185, '3 m 05 s'],
    [7_800, '2 h 10 m'],
    [3_599.9, '1 h 00 m'],
    [273_600, '3 d 4 h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it('counts and sizes', () => {
    expect(count(1250)).toBe('1,250');
    expect([plural(1, 'image'), plural(0, 'image')]).toEqual(['1 image', '0 images']);
    expect([sizeOf(0), sizeOf(1023), sizeOf(1024), sizeOf(5 * 2 ** 30)]).toEqual([
      '0 bytes',
      '1023 bytes',
      '1.0 KiB',
      '5.0 GiB',
    ]);
  });
});
