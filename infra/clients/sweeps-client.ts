import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { SweepReport } from '../../contracts/sweep.ts';
import type { SweepInput } from '../../contracts/sweep.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import { asRunId, isRunId } from '../../core/ids.ts';
import type { RunId } from '../../core/ids.ts';
import type { SweepCommand } from '../../core/search/sweep.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { sweepQuery, sweepUpdate } from '../../workflows/messages.ts';
import { SWEEP_WORKFLOW, sweepWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';

export interface SweepInfo {
  readonly sweepId: RunId;
  readonly status: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
}

/** What the command line asks of Temporal about sweeps. */
export interface SweepsClient {
  start(input: SweepInput): Promise<void>;
  /** The newest first. */
  list(limit: number): Promise<SweepInfo[]>;
  /** How it stands. SWEEP_NOT_FOUND (input) where Temporal knows none of that name. */
  report(sweepId: RunId): Promise<SweepReport>;
  /** SWEEP_CHANGE (input) where it can't be done. */
  change(sweepId: RunId, asked: SweepCommand): Promise<SweepReport>;
  /** Waits for the end. Throws what the workflow failed with. */
  result(sweepId: RunId): Promise<SweepReport>;
}

const ID_PREFIX = sweepWorkflowId(asRunId('x')).slice(0, -1);
const LIST_CAP = 2_000;

export function createSweepsClient({ client }: Pick<TemporalClient, 'client'>): SweepsClient {
  const handleOf = (sweepId: RunId) => client.workflow.getHandle(sweepWorkflowId(sweepId));
  const known = async <T>(sweepId: RunId, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw notFound(sweepId);
      throw error;
    }
  };
  return {
    async start(input) {
      await client.workflow.start(SWEEP_WORKFLOW, {
        workflowId: sweepWorkflowId(input.sweepId),
        taskQueue: taskQueues.workflow,
        args: [input],
        memo: { name: input.base.name, requestedBy: input.requestedBy },
        workflowIdConflictPolicy: 'FAIL',
      });
    },
    list: (limit) => list(client, limit),
    report: (sweepId) => known(sweepId, async () => SweepReport.parse(await handleOf(sweepId).query(sweepQuery))),
    change: (sweepId, asked) =>
      known(sweepId, async () => {
        try {
          return SweepReport.parse(await handleOf(sweepId).executeUpdate(sweepUpdate, { args: [asked] }));
        } catch (error) {
          if (!(error instanceof WorkflowUpdateFailedError)) throw error;
          const seen = messageOf(error.cause ?? error).replace(/^SWEEP_CHANGE: [^—]*— /, '');
          throw inputError('SWEEP_CHANGE', `sweep ${sweepId}`, seen, undefined, `graft sweeps show ${sweepId}`);
        }
      }),
    result: (sweepId) => known(sweepId, async () => SweepReport.parse(await handleOf(sweepId).result())),
  };
}

async function list(client: TemporalClient['client'], limit: number): Promise<SweepInfo[]> {
  const newest = new Map<string, SweepInfo>();
  let seen = 0;
  for await (const info of client.workflow.list({ query: `WorkflowType = '${SWEEP_WORKFLOW}'` })) {
    const sweepId = info.workflowId.slice(ID_PREFIX.length);
    const before = newest.get(sweepId);
    // A sweep has several executions under one id: the last one is the sweep.
    if (isRunId(sweepId) && (!before || before.startedAt < info.startTime)) {
      const outcome = info.memo?.['outcome'];
      const said = typeof outcome === 'object' && outcome !== null && 'status' in outcome ? outcome.status : null;
      const status = info.status.name === 'RUNNING' ? 'running' : String(said ?? info.status.name.toLowerCase());
      newest.set(sweepId, { sweepId, status, startedAt: info.startTime, endedAt: info.closeTime ?? null });
    }
    if (++seen >= LIST_CAP) break;
  }
  return [...newest.values()].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime()).slice(0, limit);
}

export function notFound(text: string) {
  const remedy = 'graft sweeps list shows them';
  return inputError('SWEEP_NOT_FOUND', text.slice(0, 120), 'no such sweep', 'an id, its beginning, or latest', remedy);
}

/** An id, the unambiguous beginning of one, or `latest`. */
export async function findSweep(text: string, sweeps: SweepsClient): Promise<RunId> {
  const all = (await sweeps.list(LIST_CAP)).map(({ sweepId }) => sweepId);
  const found = text === 'latest' ? all.slice(0, 1) : all.filter((id) => id === text || id.startsWith(text));
  const exact = found.find((id) => id === text);
  const [only, another] = found;
  if (exact !== undefined) return exact;
  if (only === undefined) throw notFound(text);
  if (another === undefined) return only;
  throw inputError('SWEEP_AMBIGUOUS', text, `${found.length} sweeps start so`, 'one sweep', 'write more of it');
}
