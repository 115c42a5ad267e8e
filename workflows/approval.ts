import { ApplicationFailure } from '@temporalio/common';
import { condition } from '@temporalio/workflow';
import { approvalRefusal } from '../core/promotion/approval.ts';
import type { ApprovalAnswer, ApprovalVerdict, ApprovalWait } from '../contracts/approval.ts';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';

const HOUR_MS = 3_600_000;

type Rules = PipelineConfig['promote']['approvals'];

/** Where a run waits for a person's word, and what was said. */
export class ApprovalDesk {
  private readonly runId: string;
  private waiting: ApprovalWait | null = null;
  private given: ApprovalVerdict | null = null;

  constructor(runId: string) {
    this.runId = runId;
  }

  /** The update's validator: an answer that does not count leaves no trace in the history. */
  check(answer: ApprovalAnswer): void {
    const { waiting, runId } = this;
    const open = waiting && { ...waiting, expiresMs: Date.parse(waiting.expiresAt) };
    const why = approvalRefusal(answer, open, this.given, Date.now());
    if (!why) return;
    const { code, ...parts } = why;
    throw failure(code, { kind: 'input', where: `run ${runId}`, ...parts });
  }

  take({ decision, by, reason, via }: ApprovalAnswer): ApprovalVerdict {
    const promote = decision === 'approve';
    const outcome = promote ? ('approved' as const) : ('rejected' as const);
    const round = this.waiting?.round ?? 1;
    this.given = { round, outcome, promote, by, reason, via, at: new Date().toISOString() };
    this.waiting = null;
    return this.given;
  }

  /**
   * Waits for an answer, however long that takes: a timer of the server, which no worker has to be up for.
   * `onAsked` once it can be answered, `onLate` when it is time to remind.
   */
  async wait(
    asked: Pick<ApprovalWait, 'round' | 'reportKey' | 'pageKey'>,
    rules: Rules,
    { onAsked, onLate }: Record<'onAsked' | 'onLate', (waiting: ApprovalWait) => Promise<void>>,
  ): Promise<ApprovalVerdict> {
    const { approvers, remindAfterHours, timeoutHours, onTimeout } = rules;
    const startMs = Date.now();
    const expiresMs = startMs + timeoutHours * HOUR_MS;
    const times = { askedAt: new Date(startMs).toISOString(), expiresAt: new Date(expiresMs).toISOString() };
    const waiting = { ...asked, ...times, approvers: [...approvers] };
    this.waiting = waiting;
    this.given = null;
    await onAsked(waiting);
    if (remindAfterHours !== null && remindAfterHours < timeoutHours) {
      const answered = await condition(() => this.given !== null, remindAfterHours * HOUR_MS);
      if (!answered) await onLate(waiting);
    }
    await condition(() => this.given !== null, Math.max(1, expiresMs - Date.now()));
    return this.given ?? this.expire(asked.round, onTimeout, timeoutHours);
  }

  private expire(round: number, onTimeout: Rules['onTimeout'], hours: number): ApprovalVerdict {
    const promote = onTimeout === 'approve';
    const reason = `${hours} hours are over; promote.approvals.onTimeout is ${onTimeout}`;
    const at = new Date().toISOString();
    this.given = { round, outcome: 'timed-out', promote, by: null, reason, via: 'timeout', at };
    this.waiting = null;
    return this.given;
  }
}

export function timeoutFailure(runId: string, { reason }: ApprovalVerdict): ApplicationFailure {
  const remedy = `graft runs resume ${runId} asks again`;
  return failure('APPROVAL_TIMEOUT', {
    ...{ kind: 'failed', where: `run ${runId}`, seen: `nobody answered: ${reason}`, expected: 'an approval', remedy },
  });
}

function failure(code: string, parts: Readonly<Record<string, string>>): ApplicationFailure {
  const said = [parts['where'], parts['seen'], parts['expected'], parts['remedy']].join(' — ');
  return ApplicationFailure.create({
    message: `${code}: ${said}`,
    type: code,
    nonRetryable: true,
    details: [{ code, ...parts }],
  });
}
