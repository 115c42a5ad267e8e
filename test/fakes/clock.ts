import type { Clock } from '../../infra/ports/clock.ts';

export interface FakeClock extends Clock {
  advance(ms: number): void;
}

/** Stands still unless it is moved; sleeping moves it. */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs;
  return {
    nowMs: () => now,
    advance: (ms) => {
      now += ms;
    },
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
}
