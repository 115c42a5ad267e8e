/** Schedules on a real Temporal server, with activities that answer at once or wait to be let go. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createScheduleActivities } from '../../activities/schedule/schedule.ts';
import { createSchedulesClient } from '../../infra/clients/schedules-client.ts';
import type { Overlap } from '../../infra/clients/schedules-client.ts';
import type { SchedulesClient, ScheduleView } from '../../infra/clients/schedules-client.ts';
import { specOf } from '../../cli/lib/schedule-options.ts';
import type { ScheduleFlags } from '../../cli/lib/schedule-options.ts';
import type { RetrainTrigger } from '../../contracts/schedule.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
import type { TemporalClient } from '../../infra/temporal/connect.ts';
import { systemClock } from '../../infra/system-clock.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';
import { fakeActivities, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { retrainInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

let bench: WorkflowBench;
let temporal: TemporalClient;
let schedules: SchedulesClient;

beforeAll(async () => {
  bench = await workflowBench();
  temporal = await connectTemporal({ address: bench.address, namespace: 'default' });
  schedules = createSchedulesClient(temporal);
});
afterEach(async () => {
  for (const { scheduleId } of await schedules.list()) await schedules.delete(scheduleId);
});
afterAll(async () => {
  await temporal.close();
  await bench.close();
});

const NEVER_BY_ITSELF: ScheduleFlags = { cron: ['0 0 29 2 *'] };

async function create(
  scheduleId: string,
  options: { flags?: ScheduleFlags; overlap?: Overlap; trigger?: RetrainTrigger; paused?: boolean; note?: string } = {},
): Promise<void> {
  const { flags = NEVER_BY_ITSELF, overlap = 'skip', trigger = { kind: 'always' }, paused = false, note } = options;
  const { config } = retrainInput('a');
  const input = { scheduleId, config, trigger, requestedBy: 'ada', cron: [...(flags.cron ?? [])] };
  const draft = { input, spec: specOf(flags, new Date()), overlap, catchUpMs: 3_600_000 };
  await schedules.create(draft, { paused, ...(note === undefined ? {} : { note }) });
}

/** A tick's workflow is named by the second: the next one must come in another. */
async function trigger(id: string): Promise<void> {
  await schedules.trigger(id);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
}

/** Waits until the schedule's newest ticks ended (or run) so, the newest first. */
async function outcomes(id: string, expected: readonly string[]): Promise<ScheduleView> {
  const statuses = async () => (await schedules.show(id)).ticks.map(({ outcome }) => outcome?.status ?? 'none');
  await expect.poll(statuses, { timeout: 60_000, interval: 200 }).toEqual(expected);
  return schedules.show(id);
}

/** Activities whose first `held` trainings wait to be let go, or for a cancel. */
function holding(held: number) {
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const activities = fakeActivities();
  const { trainModel } = activities;
  let started = 0;
  activities.trainModel = async (input) => {
    if (started++ < held) await gate;
    return trainModel(input);
  };
  return { activities, started: () => started, open: () => open() };
}

const toTrain = (started: () => number, count: number) =>
  expect.poll(started, { timeout: 60_000, interval: 100 }).toBe(count);

describe('a trigger', () => {
  test('takes a tick, whose run is an ordinary one, and the list tells what came of it', async () => {
    await bench.withWorkers(fakeActivities(), async () => {
      await create('now', { flags: { cron: ['0 3 * * *'], timeZone: 'Europe/Berlin' } });
      await trigger('now');
      const view = await outcomes('now', ['completed']);
      const [only] = view.ticks;
      const run = await bench.client.workflow.getHandle(`graft-run-${only?.outcome?.runId ?? ''}`).result();
      expect(run).toMatchObject({ status: 'completed', model: { version: 1 } });
      expect(view).toMatchObject({ cron: ['0 3 * * *'], timeZone: 'Europe/Berlin', overlap: 'skip', taken: 1 });
      expect(view.next.length).toBeGreaterThan(0);
    });
  });

  test('that fails says so, and leaves the schedule as it is', async () => {
    const activities = fakeActivities({ ingestDataset: wrongInput });
    await bench.withWorkers(activities, async () => {
      await create('broken');
      await trigger('broken');
      const view = await outcomes('broken', ['failed']);
      expect(view.paused).toBe(false);
    });
  });
});

describe('overlap', () => {
  test('skip leaves out what comes while a run is under way', async () => {
    const { activities, started, open } = holding(1);
    await bench.withWorkers(activities, async () => {
      await create('skips');
      await trigger('skips');
      await toTrain(started, 1);
      await trigger('skips');
      await expect.poll(async () => (await schedules.show('skips')).skippedByOverlap, { timeout: 20_000 }).toBe(1);
      open();
      expect((await outcomes('skips', ['completed'])).taken).toBe(1);
    });
  });

  test('buffer-one keeps one for later, buffer-all all of them', async () => {
    const { activities, started, open } = holding(2);
    await bench.withWorkers(activities, async () => {
      await create('one', { overlap: 'buffer-one' });
      await create('all', { overlap: 'buffer-all' });
      await trigger('one');
      await trigger('all');
      await toTrain(started, 2);
      for (const id of ['one', 'one', 'all', 'all']) await trigger(id);
      await expect.poll(async () => (await schedules.show('one')).skippedByOverlap, { timeout: 20_000 }).toBe(1);
      open();
      await outcomes('one', ['completed', 'completed']);
      await outcomes('all', ['completed', 'completed', 'completed']);
    });
  });

  test('allow-all runs them side by side', async () => {
    const { activities, started, open } = holding(2);
    await bench.withWorkers(activities, async () => {
      await create('both', { overlap: 'allow-all' });
      await trigger('both');
      await trigger('both');
      await toTrain(started, 2);
      open();
      await outcomes('both', ['completed', 'completed']);
    });
  });

  test('cancel-other stops the one under way, whose run is cancelled in order', async () => {
    let trainings = 0;
    const activities = fakeActivities();
    const { trainModel } = activities;
    activities.trainModel = (input) => (trainings++ === 0 ? untilCancelled() : trainModel(input));
    await bench.withWorkers(activities, async () => {
      await create('newest', { overlap: 'cancel-other' });
      await trigger('newest');
      await toTrain(() => trainings, 1);
      await trigger('newest');
      const view = await outcomes('newest', ['completed', 'cancelled']);
      const first = view.ticks[1]?.outcome?.runId ?? '';
      const run = await bench.client.workflow.getHandle(`graft-run-${first}`).result();
      expect(run).toMatchObject({ status: 'cancelled' });
    });
  });

  test('terminate-other does not leave a run behind', async () => {
    let trainings = 0;
    const activities = fakeActivities();
    const { trainModel } = activities;
    activities.trainModel = (input) => (trainings++ === 0 ? untilCancelled() : trainModel(input));
    await bench.withWorkers(activities, async () => {
      await create('hard', { overlap: 'terminate-other' });
      await trigger('hard');
      await toTrain(() => trainings, 1);
      const before = await outcomes('hard', ['running']);
      await trigger('hard');
      await outcomes('hard', ['completed', 'cancelled']);
      const runId = before.ticks[0]?.outcome?.runId ?? '';
      expect(await bench.client.workflow.getHandle(`graft-run-${runId}`).result()).toMatchObject({
        status: 'cancelled',
      });
    });
  });
});

describe('a backfill', () => {
  test('of five ticks trains once on data that stays the same, and records four skips', async () => {
    const store = createMemoryObjectStore();
    const activities: AllActivities = {
      ...fakeActivities(),
      ...createScheduleActivities({ store, clock: systemClock }),
    };
    await bench.withWorkers(activities, async () => {
      await create('hourly', { flags: { cron: ['0 * * * *'] }, trigger: { kind: 'changed' } });
      await schedules.backfill(
        'hourly',
        new Date('2026-01-01T00:30:00Z'),
        new Date('2026-01-01T05:30:00Z'),
        'buffer-all',
      );
      const view = await outcomes('hourly', ['skipped', 'skipped', 'skipped', 'skipped', 'completed']);
      expect(view.ticks.map(({ scheduledAt }) => scheduledAt.toISOString().slice(11, 16)).sort()).toEqual([
        '01:00',
        '02:00',
        '03:00',
        '04:00',
        '05:00',
      ]);
      expect(view.ticks[0]?.outcome?.reason).toMatch(/nothing changed since run pets-/);
      const decisions = store.keys().filter((key) => key.startsWith('schedules/hourly/decisions/'));
      expect(decisions).toHaveLength(5);
    });
  });
});

describe('times', () => {
  test('a schedule that is paused takes no tick until it is resumed', async () => {
    await bench.withWorkers(fakeActivities(), async () => {
      await create('often', { flags: { every: 1_000 }, paused: true, note: 'until the labels are in' });
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(await schedules.show('often')).toMatchObject({ paused: true, note: 'until the labels are in', taken: 0 });
      await schedules.resume('often', 'they are');
      await expect.poll(async () => (await schedules.show('often')).taken, { timeout: 20_000 }).toBeGreaterThan(0);
      await schedules.pause('often', 'new cameras');
      expect(await schedules.show('often')).toMatchObject({ paused: true, note: 'new cameras' });
    });
  });

  test('another time zone moves the same time of the day', async () => {
    await create('zone', { flags: { cron: ['0 3 * * *'], timeZone: 'Asia/Tokyo' } });
    const hours = async () => (await schedules.show('zone')).next.map((date) => date.getUTCHours());
    // Tokyo has no summer time: three in the morning is 18 h UTC on the day before.
    expect(new Set(await hours())).toEqual(new Set([18]));
    const before = await schedules.show('zone');
    await schedules.update('zone', {
      ...{ input: before.input, overlap: before.overlap, catchUpMs: before.catchUpMs },
      spec: specOf({ cron: before.cron, timeZone: 'Asia/Kolkata' }, new Date()),
    });
    expect(new Set(await hours())).toEqual(new Set([21]));
    expect((await schedules.show('zone')).next[0]?.getUTCMinutes()).toBe(30);
  });
});

describe('wrong input leaves what is there', () => {
  test('a name that is taken', async () => {
    await create('taken', { flags: { every: 3_600_000 } });
    await expect(create('taken')).rejects.toMatchObject({ code: 'SCHEDULE_EXISTS', kind: 'input' });
    expect((await schedules.show('taken')).everyMs).toBe(3_600_000);
  });

  test('a name that is not there', async () => {
    await create('nightly');
    await expect(schedules.pause('nihgtly')).rejects.toThrow(/^SCHEDULE_NOT_FOUND: .*did you mean nightly\?/);
  });

  test.each([
    [{ cron: ['0 0 30 2 *'] }, 'CRON_NEVER'],
    [{ cron: ['0 25 * * *'] }, 'CRON_SYNTAX'],
    [{ cron: ['0 3 * * *'], timeZone: 'Mars/Olympus' }, 'TIME_ZONE'],
    [{}, 'SCHEDULE_TIMES'],
    [{ every: 60_000, offset: 60_000 }, 'SCHEDULE_TIMES'],
  ])('%j', async (flags, code) => {
    await expect(create('wrong', { flags })).rejects.toMatchObject({ code, kind: 'input' });
    expect(await schedules.list()).toEqual([]);
  });
});
