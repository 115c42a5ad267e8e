import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { TemporalClient } from '../temporal/connect.ts';

export interface UnderWay {
  readonly workflowId: string;
  readonly startedAt: Date;
}

/** The workflow under way that began first, of all of graft's in the namespace; null where none is. */
export async function oldestUnderWay({ client }: Pick<TemporalClient, 'client'>): Promise<UnderWay | null> {
  let oldest: UnderWay | null = null;
  for await (const info of client.workflow.list({ query: `ExecutionStatus = 'Running'` })) {
    if (!info.workflowId.startsWith('graft-')) continue;
    const startedAt = await beginOf(client, info);
    if (!oldest || startedAt < oldest.startedAt) oldest = { workflowId: info.workflowId, startedAt };
  }
  return oldest;
}

/** A sweep hands over to a new execution of the same id, with what it knows: it began with the first of them. */
async function beginOf(
  client: TemporalClient['client'],
  { workflowId, startTime }: Pick<WorkflowExecutionInfo, 'workflowId' | 'startTime'>,
): Promise<Date> {
  let first = startTime;
  const query = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'ContinuedAsNew'`;
  for await (const before of client.workflow.list({ query })) if (before.startTime < first) first = before.startTime;
  return first;
}
