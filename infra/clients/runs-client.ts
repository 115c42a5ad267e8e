import { WorkflowNotFoundError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { WorkflowExecutionInfo, WorkflowHandle } from '@temporalio/client';
import { arrayFromPayloads, defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { inputError } from '../../core/errors.ts';
import { asRunId, isRunId } from '../../core/ids.ts';
import type { RunId } from '../../core/ids.ts';
import { RunProgress, RunReport, RunStatus } from '../../contracts/run.ts';
import type { RetrainInput } from '../../contracts/run.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { cancelRunSignal, progressQuery } from '../../workflows/messages.ts';
import { RETRAIN_WORKFLOW, retrainWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import type { QueueRole } from '../../workflows/workflow-ids.ts';

const Memo = z.object({
  name: z.string().optional(),
  requestedBy: z.string().optional(),
  sweepId: z.string().optional(),
  /** False for the best trial's way through the gate. */
  trial: z.boolean().optional(),
  outcome: z
    .object({
      status: RunStatus,
      accuracy: z.number().nullable(),
      version: z.int().nullable(),
      promoted: z.boolean(),
    })
    .optional(),
});

/** Whether a run is under way: it runs, or waits for somebody. */
export const isUnderWay = (status: RunStatus | undefined): boolean =>
  status === 'running' || status === 'waiting-for-approval';

/** A run as Temporal's lists show it. */
export interface RunInfo {
  readonly runId: RunId;
  readonly status: RunStatus;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly requestedBy: string | null;
  readonly accuracy: number | null;
  readonly version: number | null;
  readonly promoted: boolean;
  /** Of a trial: the sweep that it belongs to. */
  readonly trialOf?: string;
}

/** An activity that is under way, or waits for its next try. */
export interface PendingWork {
  /** The activity's name: `trainModel`. */
  readonly activity: string;
  readonly started: boolean;
  readonly attempt: number;
  /** Why the try before ended. */
  readonly lastFailure: string | null;
  /** What it said last: TrainingProgress, or `{done, total}`. */
  readonly heartbeat: unknown;
}

export interface Observation {
  /** Null while no worker answers. */
  readonly progress: RunProgress | null;
  readonly pending: readonly PendingWork[];
  /** Why the workflow's own code does not get on, where it has failed again and again; Temporal keeps trying. */
  readonly stuck?: string | null;
}

/** What the command line asks of Temporal. Errors are those of the SDK; `temporalFault` puts them into words. */
export interface RunsClient {
  /** Starts a run, or starts one again that has ended. RUN_RUNNING (input) where it is running. */
  start(input: RetrainInput): Promise<void>;
  /** Null where Temporal knows no such run. */
  describe(runId: RunId): Promise<RunInfo | null>;
  /** The newest first; `prefix` is of run ids. The trials of sweeps are left out on demand. */
  list(limit: number, prefix?: string, trials?: 'with-trials' | 'without-trials'): Promise<RunInfo[]>;
  /** `progress: false` asks Temporal alone, and not the workflow. */
  observe(runId: RunId, options?: { readonly progress?: boolean }): Promise<Observation>;
  /** Waits for the end. Throws what the workflow failed with. */
  result(runId: RunId): Promise<RunReport>;
  cancel(runId: RunId, reason: string): Promise<void>;
  /** The queues that no worker has polled lately. */
  unpolled(): Promise<QueueRole[]>;
}

/** No call but `result` takes longer: a server that hangs must not hang the command. */
const CALL_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 3_000;
/** A poll lasts a minute; a worker that has not come back after two is gone. */
const POLLER_FRESH_MS = 120_000;
/** A workflow task that a lost worker held is tried twice without anything being wrong. */
const STUCK_TRIES = 3;
/** How far a list looks back: enough to find the newest among runs of every state. */
const LIST_CAP = 2_000;

/** What stands before the run id in a workflow id. */
const ID_PREFIX = retrainWorkflowId(asRunId('x')).slice(0, -1);

/** temporal.api.enums.v1: the package is CommonJS without named exports, so the numbers are named here. */
const TASK_QUEUE_TYPE_WORKFLOW = 1;
const TASK_QUEUE_TYPE_ACTIVITY = 2;
const PENDING_ACTIVITY_STATE_STARTED = 2;

export function createRunsClient({ client, namespace }: Pick<TemporalClient, 'client' | 'namespace'>): RunsClient {
  const { workflow, connection, workflowService } = client;
  const quickly = <T>(call: () => Promise<T>, timeoutMs = CALL_TIMEOUT_MS): Promise<T> =>
    connection.withDeadline(Date.now() + timeoutMs, call);
  const handleOf = (runId: RunId): WorkflowHandle => workflow.getHandle(retrainWorkflowId(runId));

  return {
    start: (input) => quickly(() => start(client, input)),
    describe: async (runId) => {
      try {
        return runInfo(await quickly(() => handleOf(runId).describe()));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    list: (limit, prefix, trials) => quickly(() => list(client, limit, prefix, trials)),
    observe: async (runId, options) => {
      const handle = handleOf(runId);
      const [progress, described] = await Promise.all([
        options?.progress === false
          ? null
          : quickly(() => handle.query(progressQuery), QUERY_TIMEOUT_MS).catch(() => null),
        quickly(() => handle.describe()),
      ]);
      const parsed = RunProgress.safeParse(progress);
      const tries = described.raw.pendingWorkflowTask?.attempt ?? 1;
      return {
        progress: parsed.success ? parsed.data : null,
        pending: pendingWork(described.raw),
        stuck: tries < STUCK_TRIES ? null : await quickly(() => taskFailure(workflowService, namespace, runId)),
      };
    },
    result: async (runId) => RunReport.parse(await handleOf(runId).result()),
    cancel: (runId, reason) => quickly(() => handleOf(runId).signal(cancelRunSignal, { reason })),
    unpolled: () => quickly(() => unpolledQueues(workflowService, namespace)),
  };
}

async function start(client: TemporalClient['client'], input: RetrainInput): Promise<void> {
  try {
    await client.workflow.start(RETRAIN_WORKFLOW, {
      workflowId: retrainWorkflowId(input.runId),
      taskQueue: taskQueues.workflow,
      args: [input],
      memo: { name: input.config.name, requestedBy: input.requestedBy },
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const remedy = `graft runs watch ${input.runId}`;
    throw inputError('RUN_RUNNING', `run ${input.runId}`, 'it is running', 'a run that has ended', remedy);
  }
}

async function list(
  client: TemporalClient['client'],
  limit: number,
  prefix = '',
  trials: 'with-trials' | 'without-trials' = 'with-trials',
): Promise<RunInfo[]> {
  // Visibility has no STARTS_WITH on every store it runs on, so ids are sifted here as well.
  const wanted = `${ID_PREFIX}${prefix}`;
  const query = `WorkflowType = '${RETRAIN_WORKFLOW}'${prefix === '' ? '' : ` AND WorkflowId STARTS_WITH '${wanted}'`}`;
  const newest = new Map<string, RunInfo>();
  let seen = 0;
  for await (const info of client.workflow.list({ query })) {
    const run = info.workflowId.startsWith(wanted) ? runInfo(info) : null;
    const known = run && newest.get(run.runId);
    // A resumed run has several executions under one id: the last one is the run.
    if (run && (!known || known.startedAt < run.startedAt)) newest.set(run.runId, run);
    if (++seen >= LIST_CAP) break;
  }
  const wantedRuns = [...newest.values()].filter(({ trialOf }) => trials === 'with-trials' || trialOf === undefined);
  return wantedRuns.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime()).slice(0, limit);
}

/** Every execution of a run that began or ended since then, of all runs where null; a resumed run has several. */
export async function scanRuns({ client }: TemporalClient, since: Date | null): Promise<RunInfo[]> {
  const time =
    since === null ? '' : ` AND (StartTime >= '${since.toISOString()}' OR CloseTime >= '${since.toISOString()}')`;
  const found: RunInfo[] = [];
  for await (const info of client.workflow.list({ query: `WorkflowType = '${RETRAIN_WORKFLOW}'${time}` })) {
    const run = runInfo(info);
    if (run) found.push(run);
  }
  return found;
}

function runInfo(info: Omit<WorkflowExecutionInfo, 'raw'>): RunInfo | null {
  const runId = info.workflowId.slice(ID_PREFIX.length);
  if (!isRunId(runId)) return null;
  const memo = Memo.safeParse(info.memo ?? {});
  const outcome = memo.success ? memo.data.outcome : undefined;
  const sweepId = memo.success && memo.data.trial !== false ? memo.data.sweepId : undefined;
  return {
    runId,
    status: statusOf(info.status.name, outcome?.status),
    startedAt: info.startTime,
    endedAt: info.closeTime ?? null,
    requestedBy: memo.success ? (memo.data.requestedBy ?? null) : null,
    accuracy: outcome?.accuracy ?? null,
    version: outcome?.version ?? null,
    promoted: outcome?.promoted ?? false,
    ...(sweepId === undefined ? {} : { trialOf: sweepId }),
  };
}

/** A cancelled run completes as a workflow, with a report that says so: its own word goes before Temporal's. */
function statusOf(name: WorkflowExecutionInfo['status']['name'], outcome: RunStatus | undefined): RunStatus {
  switch (name) {
    case 'COMPLETED':
      return outcome ?? 'completed';
    case 'CANCELLED':
      return 'cancelled';
    case 'FAILED':
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'failed';
    case 'RUNNING':
      return outcome === 'waiting-for-approval' ? outcome : 'running';
    case 'PAUSED':
    case 'CONTINUED_AS_NEW':
    case 'UNSPECIFIED':
    case 'UNKNOWN':
      return 'running';
  }
}

/** What a workflow’s activities are at. */
export function pendingWork({
  pendingActivities,
}: temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse): PendingWork[] {
  return (pendingActivities ?? []).map((activity) => ({
    activity: activity.activityType?.name ?? '',
    started: activity.state === PENDING_ACTIVITY_STATE_STARTED,
    attempt: activity.attempt ?? 1,
    lastFailure: activity.lastFailure?.message ?? null,
    heartbeat: arrayFromPayloads(defaultPayloadConverter, activity.heartbeatDetails?.payloads)[0] ?? null,
  }));
}

/** What the last try to advance the workflow failed with. */
async function taskFailure(
  service: TemporalClient['client']['workflowService'],
  namespace: string,
  runId: RunId,
): Promise<string> {
  const { history } = await service.getWorkflowExecutionHistoryReverse({
    namespace,
    execution: { workflowId: retrainWorkflowId(runId) },
    maximumPageSize: 10,
  });
  const failed = history?.events?.find((event) => event.workflowTaskFailedEventAttributes);
  return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? 'it does not answer in time';
}

async function unpolledQueues(
  service: TemporalClient['client']['workflowService'],
  namespace: string,
): Promise<QueueRole[]> {
  const roles: QueueRole[] = ['workflow', 'data', 'train'];
  const checks = roles.map(async (role) => {
    const { pollers } = await service.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueues[role] },
      taskQueueType: role === 'workflow' ? TASK_QUEUE_TYPE_WORKFLOW : TASK_QUEUE_TYPE_ACTIVITY,
    });
    const fresh = (pollers ?? []).some(
      ({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < POLLER_FRESH_MS,
    );
    return fresh ? [] : [role];
  });
  return (await Promise.all(checks)).flat();
}
