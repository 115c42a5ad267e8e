import {
  ActivityFailure,
  CancellationScope,
  ParentClosePolicy,
  isCancellation,
  log,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import type { ApprovalWait } from '../contracts/approval.ts';
import type { NotifyInput, NotifyMessage, NotifyReport, NotifyTarget } from '../contracts/notify-config.ts';
import type { RetrainInput, RunReport } from '../contracts/run.ts';
import { notifying } from './activity-options.ts';
import { taskQueues } from './workflow-ids.ts';

type Delivery = NotifyReport['deliveries'][number];

/** Tells everybody of one event, each by itself: who can't be reached is tried again for a day and then written down. */
export async function notifyWorkflow({ message, targets }: NotifyInput): Promise<NotifyReport> {
  const deliveries = await Promise.all(targets.map((target) => deliver(target, message)));
  const report: NotifyReport = { kind: 'graft.notified/1', message, deliveries };
  await notifying.recordNotifications(report);
  return report;
}

async function deliver(target: NotifyTarget, message: NotifyMessage): Promise<Delivery> {
  const name = nameOf(target);
  try {
    await notifying.deliverNotification({ target, message });
    return { target: name, delivered: true, problem: null };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = error instanceof ActivityFailure && error.cause ? error.cause : error;
    return { target: name, delivered: false, problem: cause instanceof Error ? cause.message : 'unknown' };
  }
}

/** No address that is a secret, no recipients. */
function nameOf(target: NotifyTarget): string {
  switch (target.kind) {
    case 'webhook':
      return `webhook ${target.urlEnv ?? 'by url'}`;
    case 'slack':
      return `slack ${target.urlEnv}`;
    case 'email':
      return `email to ${target.to.length}`;
    case 'command':
      return `command ${target.commandEnv}`;
  }
}

/** The end of a run as somebody is told of it; null where nobody asked to be (a cancelled run was stopped by somebody). */
export function endMessage(
  { config, requestedBy, trialOf, gateOnly }: RetrainInput,
  report: RunReport,
  problem: string,
  at: Date,
): NotifyMessage | null {
  // A sweep tells of its best trial alone, and a dry run of the gate decides nothing.
  if (trialOf !== undefined || gateOnly || report.status === 'cancelled' || report.status === 'running') return null;
  const promoted = report.model?.promoted ?? false;
  const refused = report.gate.filter(({ passed }) => !passed).map(({ explanation }) => explanation);
  const passed = report.gate.map(({ explanation }) => explanation);
  return {
    kind: 'graft.notification/1',
    event: report.status === 'failed' ? 'failed' : promoted ? 'finished' : 'refused',
    runId: report.runId,
    pipeline: config.name,
    model: report.model?.name ?? config.promote.model ?? config.name,
    version: report.model?.version ?? null,
    alias: report.model?.alias ?? config.promote.alias,
    promoted,
    accuracy: report.metrics?.accuracy ?? null,
    reason: report.status === 'failed' ? problem : (promoted ? passed : refused).join('; '),
    requestedBy,
    at: at.toISOString(),
  };
}

/** That a promotion waits for somebody's word. */
export function approvalMessage(
  { runId, config, requestedBy }: RetrainInput,
  report: RunReport,
  { round, expiresAt }: ApprovalWait,
  at: Date,
): NotifyMessage {
  return {
    kind: 'graft.notification/1',
    event: 'approval-wanted',
    runId,
    pipeline: config.name,
    model: config.promote.model ?? config.name,
    version: null,
    alias: config.promote.alias,
    promoted: false,
    accuracy: report.metrics?.accuracy ?? null,
    reason: report.gate.map(({ explanation }) => explanation).join('; '),
    requestedBy,
    at: at.toISOString(),
    approval: { round, expiresAt },
  };
}

/**
 * Starts the telling and does not wait for it: a webhook that hangs costs no run a second, and none its outcome. In a
 * workflow of its own, so that it outlives the run.
 */
export async function tellPeople(input: RetrainInput, message: NotifyMessage | null): Promise<void> {
  // What an older graft started has no such key.
  const wanted: readonly NotifyTarget[] | undefined = input.config.notify;
  const targets = (wanted ?? []).filter(({ on }) => message !== null && on.includes(message.event));
  if (message === null || targets.length === 0) return;
  try {
    await CancellationScope.nonCancellable(() =>
      startChild(notifyWorkflow, {
        workflowId: `graft-notify-${input.runId}-${message.event}-${uuid4().slice(0, 8)}`,
        taskQueue: taskQueues.workflow,
        args: [{ message, targets }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      }),
    );
  } catch (error) {
    log.warn('nobody could be told', { error: String(error) });
  }
}
