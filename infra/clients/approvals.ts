import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApprovalAnswer, ApprovalRecord, ApprovalVerdict } from '../../contracts/approval.ts';
import { inputError, transientError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import { alreadyGiven, notWaiting } from '../../core/promotion/approval.ts';
import type { Refusal } from '../../core/promotion/approval.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { applicationError } from '../temporal/application-error.ts';
import { approvalUpdate } from '../../workflows/messages.ts';
import { retrainWorkflowId } from '../../workflows/workflow-ids.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { readApprovalToken } from '../approvals/link.ts';

export interface ApprovalServices {
  readonly temporal: Pick<TemporalClient, 'client'>;
  readonly store: ObjectStore;
}

/** A worker takes the answer up within a second; without one nobody does. */
const ANSWER_TIMEOUT_MS = 15_000;

/**
 * A person's word on a promotion that waits, from wherever it comes: the command line, the dashboard, a link. Resolves
 * once the run has taken it. All of these are `input`: APPROVAL_NOT_WAITING, APPROVAL_DECIDED (answered before),
 * APPROVAL_EXPIRED (after the timeout), APPROVAL_NOT_ALLOWED (the wrong person), APPROVAL_STALE (another comparison
 * waits), REASON (a rejection without one); APPROVAL_UNANSWERED (transient) where no worker is up.
 */
export async function answerApproval(
  services: ApprovalServices,
  runId: RunId,
  answer: ApprovalAnswer,
): Promise<ApprovalVerdict> {
  const { temporal, store } = services;
  const { workflow, connection } = temporal.client;
  try {
    const checked = ApprovalAnswer.parse(answer);
    const handle = workflow.getHandle(retrainWorkflowId(runId));
    const verdict: unknown = await connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
      handle.executeUpdate(approvalUpdate, { args: [checked] }),
    );
    return ApprovalVerdict.parse(verdict);
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw applicationError(error.cause) ?? error;
    if (error instanceof WorkflowNotFoundError) throw refusalError(runId, await whyClosed(store, runId));
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
      const remedy = 'start a worker (graft up, or graft worker --queues workflow,data) and answer again';
      throw transientError(
        'APPROVAL_UNANSWERED',
        `run ${runId}`,
        'no worker takes the answer up',
        'one',
        remedy,
        error,
      );
    }
    throw error;
  }
}

/** The same for whoever holds a signed link (or its token): it says which run, which comparison, and in whose name. */
export async function answerByLink(
  services: ApprovalServices,
  link: string,
  { decision, reason }: Pick<ApprovalAnswer, 'decision' | 'reason'>,
  { secret, nowMs }: { readonly secret: string; readonly nowMs: number },
): Promise<ApprovalVerdict & { readonly runId: RunId }> {
  const { runId, round, by } = readApprovalToken(link, secret, nowMs);
  return { runId, ...(await answerApproval(services, runId, { decision, reason, by, round, via: 'link' })) };
}

/** The run has ended: what was decided of it is in storage. */
async function whyClosed(store: ObjectStore, runId: RunId): Promise<Refusal> {
  const verdicts: ApprovalVerdict[] = [];
  for await (const { key } of store.list(`runs/${runId}/approval/`)) {
    if (!key.endsWith('-verdict.json')) continue;
    const found = await store.get(key);
    const record = ApprovalRecord.safeParse(found && parsed(found.body));
    if (record.success) verdicts.push(record.data.verdict);
  }
  const last = verdicts.sort((a, b) => a.round - b.round).at(-1);
  return last ? alreadyGiven(last) : notWaiting('it has ended, and nobody was asked');
}

function refusalError(runId: RunId, { code, seen, expected, remedy }: Refusal) {
  return inputError(code, `run ${runId}`, seen, expected, remedy);
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
