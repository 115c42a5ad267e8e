import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { Backfill, ScheduleDescription, ScheduleExecutionResult, ScheduleOptions } from '@temporalio/client';
import { z } from 'zod';
import { ScheduledOutcome, ScheduledRetrainInput } from '../../contracts/schedule.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import { nearest } from '../pipeline-file/suggest.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { grpcCodeOf, grpcStatus } from '../temporal/faults.ts';
import { SCHEDULED_RETRAIN_WORKFLOW, scheduleIdInTemporal, taskQueues } from '../../workflows/workflow-ids.ts';

/** What --overlap says, and what Temporal calls it. */
export const overlapPolicies = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'cancel-other': 'CANCEL_OTHER',
  'terminate-other': 'TERMINATE_OTHER',
  'allow-all': 'ALLOW_ALL',
} as const;
export type Overlap = keyof typeof overlapPolicies;

/** A tick that was taken, and what came of it. */
export interface Tick {
  readonly scheduledAt: Date;
  readonly workflowId: string;
  /** Null where Temporal has forgotten it, or it has said nothing yet. */
  readonly outcome: ScheduledOutcome | null;
}

export interface ScheduleView {
  readonly scheduleId: string;
  readonly input: ScheduledRetrainInput;
  /** As they were written. */
  readonly cron: readonly string[];
  readonly everyMs: number | null;
  readonly timeZone: string;
  readonly jitterMs: number;
  readonly overlap: Overlap;
  readonly catchUpMs: number;
  readonly paused: boolean;
  readonly note: string | null;
  /** The next ones first. */
  readonly next: readonly Date[];
  /** The newest first. */
  readonly ticks: readonly Tick[];
  readonly taken: number;
  readonly skippedByOverlap: number;
  readonly missedCatchUp: number;
}

export interface ScheduleDraft {
  readonly input: ScheduledRetrainInput;
  readonly spec: ScheduleOptions['spec'];
  readonly overlap: Overlap;
  readonly catchUpMs: number;
}

/** What `graft schedule` asks of Temporal Schedules. */
export interface SchedulesClient {
  /** SCHEDULE_EXISTS (input) leaves the one that is there as it is. */
  create(draft: ScheduleDraft, state: { readonly paused: boolean; readonly note?: string }): Promise<void>;
  /** SCHEDULE_NOT_FOUND (input), with what was probably meant; so do all below. */
  show(scheduleId: string): Promise<ScheduleView>;
  list(): Promise<ScheduleView[]>;
  trigger(scheduleId: string, overlap?: Overlap): Promise<void>;
  pause(scheduleId: string, note?: string): Promise<void>;
  resume(scheduleId: string, note?: string): Promise<void>;
  backfill(scheduleId: string, from: Date, to: Date, overlap: Overlap): Promise<void>;
  /** `times: null` leaves the times, the time zone and the jitter as they are. */
  update(
    scheduleId: string,
    change: Omit<ScheduleDraft, 'spec'> & { spec: ScheduleDraft['spec'] | null },
  ): Promise<void>;
  delete(scheduleId: string): Promise<void>;
}

/** How many ticks a view looks into. */
const TICKS = 5;
const CALL_TIMEOUT_MS = 10_000;

export function createSchedulesClient({ client }: TemporalClient): SchedulesClient {
  const quickly = <T>(call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
  const handleOf = (id: string) => client.schedule.getHandle(scheduleIdInTemporal(id));
  const about = async <T>(id: string, call: (handle: ReturnType<typeof handleOf>) => Promise<T>): Promise<T> => {
    try {
      return await quickly(() => call(handleOf(id)));
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) throw await notFound(client, id);
      throw refusal(error, id) ?? error;
    }
  };
  const show = (id: string): Promise<ScheduleView> =>
    about(id, async (handle) => view(client, id, await handle.describe()));

  return {
    create: (draft, state) => quickly(() => create(client, draft, state)),
    show,
    list: async () => {
      const ids = await quickly(() => scheduleIds(client));
      return Promise.all(ids.map(show));
    },
    // The SDK would let a trigger run beside others: here the schedule's own policy holds, as for any tick.
    trigger: async (id, overlap) => {
      const policy = overlap ?? (await show(id)).overlap;
      await about(id, (handle) => handle.trigger(overlapPolicies[policy]));
    },
    pause: (id, note) => about(id, (handle) => handle.pause(note)),
    resume: (id, note) => about(id, (handle) => handle.unpause(note)),
    backfill: (id, start, end, overlap) => {
      const range: Backfill = { start, end, overlap: overlapPolicies[overlap] };
      return about(id, (handle) => handle.backfill(range));
    },
    update: (id, change) =>
      about(id, (handle) =>
        handle.update((before) => ({
          ...before,
          ...optionsOf({ ...change, spec: change.spec ?? before.spec }),
        })),
      ),
    delete: (id) => about(id, (handle) => handle.delete()),
  };
}

function optionsOf({ input, spec, overlap, catchUpMs }: ScheduleDraft) {
  return {
    spec,
    action: {
      type: 'startWorkflow' as const,
      workflowType: SCHEDULED_RETRAIN_WORKFLOW,
      workflowId: scheduleIdInTemporal(input.scheduleId),
      taskQueue: taskQueues.workflow,
      args: [input],
    },
    policies: { overlap: overlapPolicies[overlap], catchupWindow: catchUpMs },
  };
}

async function create(
  client: TemporalClient['client'],
  draft: ScheduleDraft,
  state: { readonly paused: boolean; readonly note?: string },
): Promise<void> {
  const { scheduleId } = draft.input;
  try {
    await client.schedule.create({ scheduleId: scheduleIdInTemporal(scheduleId), ...optionsOf(draft), state });
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) {
      const remedy = `graft schedule update ${scheduleId}, or take another name`;
      throw inputError('SCHEDULE_EXISTS', scheduleId, 'there is one of this name', 'a new name', remedy);
    }
    throw refusal(error, scheduleId) ?? error;
  }
}

/** What Temporal itself finds wrong with a schedule. */
function refusal(error: unknown, id: string) {
  if (grpcCodeOf(error) !== grpcStatus.invalidArgument) return null;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inputError('SCHEDULE_INVALID', id, messageOf(cause).slice(0, 200), 'what Temporal takes', 'correct it');
}

const PREFIX = scheduleIdInTemporal('');

async function scheduleIds(client: TemporalClient['client']): Promise<string[]> {
  const ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list()) {
    if (scheduleId.startsWith(PREFIX)) ids.push(scheduleId.slice(PREFIX.length));
  }
  return ids.sort();
}

async function notFound(client: TemporalClient['client'], id: string) {
  const ids = await scheduleIds(client);
  const near = nearest(id, ids);
  const known = ids.length === 0 ? 'there is none yet: graft schedule create' : 'graft schedule list shows them';
  const remedy = near === null ? known : `did you mean ${near}?`;
  return inputError('SCHEDULE_NOT_FOUND', id.slice(0, 80), 'no such schedule', 'the name of a schedule', remedy);
}

async function view(
  client: TemporalClient['client'],
  scheduleId: string,
  { spec, action, policies, state, info }: ScheduleDescription,
): Promise<ScheduleView> {
  const input = ScheduledRetrainInput.parse(action.args?.[0]);
  const recent = info.recentActions.slice(-TICKS).reverse();
  return {
    scheduleId,
    input,
    cron: input.cron,
    everyMs: spec.intervals?.[0]?.every ?? null,
    timeZone: spec.timezone ?? 'UTC',
    jitterMs: spec.jitter ?? 0,
    overlap: overlapName(policies.overlap),
    catchUpMs: policies.catchupWindow,
    paused: state.paused,
    note: state.note ?? null,
    next: info.nextActionTimes,
    ticks: await Promise.all(recent.map((action) => tick(client, action))),
    taken: info.numActionsTaken,
    skippedByOverlap: info.numActionsSkippedOverlap,
    missedCatchUp: info.numActionsMissedCatchupWindow,
  };
}

function overlapName(policy: string | undefined): Overlap {
  const names: Overlap[] = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'terminate-other', 'allow-all'];
  return names.find((name) => overlapPolicies[name] === policy) ?? 'skip';
}

const Memo = z.object({ outcome: ScheduledOutcome });

async function tick(
  client: TemporalClient['client'],
  { scheduledAt, action: { workflow } }: ScheduleExecutionResult,
): Promise<Tick> {
  const { workflowId, firstExecutionRunId } = workflow;
  const described = await client.workflow
    .getHandle(workflowId, firstExecutionRunId)
    .describe()
    .catch(() => null);
  const memo = Memo.safeParse(described?.memo ?? {});
  const outcome = memo.success ? memo.data.outcome : null;
  // Ended by Temporal itself: it could not say so.
  const isCut = described?.status.name === 'TERMINATED' || described?.status.name === 'TIMED_OUT';
  return { scheduledAt, workflowId, outcome: outcome && isCut ? { ...outcome, status: 'cancelled' } : outcome };
}
