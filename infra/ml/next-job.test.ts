import { describe, expect, it } from 'vitest';
import { NextJob } from './next-job.ts';

const steps = { threads: 2, parts: 2 };
const whole = { threads: 2, parts: 1 };
const one = { threads: 1, parts: 1 };

function setUp() {
  let now = 0;
  const next = new NextJob({ defaultThreads: 2, keptMs: 1_000, nowMs: () => now });
  return { next, wait: (ms: number) => void (now += ms) };
}

describe('NextJob', () => {
  it('expects a run at first: rendered, trained on pixels, evaluated, over', () => {
    const { next } = setUp();
    expect(next.after('rendering', null)).toEqual(steps);
    expect(next.after('train on pixels', steps)).toEqual(whole);
    expect(next.after('evaluate', whole)).toBeNull();
    expect(next.after('train', one)).toEqual(one);
  });

  it('expects what came the last time', () => {
    const { next } = setUp();
    next.renders();
    next.starts('features', whole);
    next.starts('train', one);
    next.starts('evaluate', whole);
    expect(next.after('rendering', null)).toEqual(whole);
    expect(next.after('features', whole)).toEqual(one);
    expect(next.after('train', one)).toEqual(whole);
    next.starts('train on pixels', steps);
    next.starts('train on pixels', steps);
    expect(next.after('train on pixels', steps)).toEqual(steps);
  });

  it('expects nothing where nothing came in time', () => {
    const { next, wait } = setUp();
    next.starts('train', one);
    next.ends('train');
    wait(1_001);
    next.starts('train', one);
    expect(next.after('train', one)).toBeNull();
    wait(5_000);
    next.ends('train');
    wait(999);
    next.starts('train', one);
    expect(next.after('train', one)).toEqual(one);
  });
});
