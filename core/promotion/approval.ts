/** What waits for a person's word, as far as the rules go. */
export interface WaitingApproval {
  readonly round: number;
  readonly expiresMs: number;
  /** Anybody where empty. */
  readonly approvers: readonly string[];
}

/** What was said before. */
export interface GivenVerdict {
  readonly round: number;
  readonly outcome: 'approved' | 'rejected' | 'timed-out';
  readonly by: string | null;
  readonly at: string;
}

export interface Answer {
  readonly decision: 'approve' | 'reject';
  readonly by: string;
  readonly reason: string;
  readonly round?: number | undefined;
}

/** Why an answer is not taken, in the parts of an error. */
export interface Refusal {
  readonly code: string;
  readonly seen: string;
  readonly expected: string;
  readonly remedy: string;
}

/**
 * Whether an answer counts: null, or why not. `waiting` null where nothing waits; `given` the last word that was said.
 * Pure.
 */
export function approvalRefusal(
  answer: Answer,
  waiting: WaitingApproval | null,
  given: GivenVerdict | null,
  nowMs: number,
): Refusal | null {
  const round = answer.round ?? waiting?.round ?? given?.round;
  if (given && (waiting === null || given.round === round)) return alreadyGiven(given);
  if (!waiting) return notWaiting('it waits for nobody’s word');
  if (round !== waiting.round) {
    const seen = `the comparison that was looked at (${round ?? '–'}) is no longer the one that waits (${waiting.round})`;
    const remedy = 'look at the new comparison (graft runs show RUN), then answer';
    return { code: 'APPROVAL_STALE', seen, expected: 'an answer to the latest comparison', remedy };
  }
  if (nowMs >= waiting.expiresMs) {
    return expired(`the time to answer ended at ${new Date(waiting.expiresMs).toISOString()}`);
  }
  if (!mayAnswer(waiting.approvers, answer.by)) {
    const expected = `one of ${waiting.approvers.join(', ')}`;
    const remedy = 'ask one of them; promote.approvals.approvers of the pipeline file names them';
    return { code: 'APPROVAL_NOT_ALLOWED', seen: `${answer.by} may not decide`, expected, remedy };
  }
  if (answer.decision === 'reject' && answer.reason.trim() === '') {
    const remedy = 'say it in a few words: --reason WHY';
    return { code: 'REASON', seen: 'a rejection without a reason', expected: 'why it is rejected', remedy };
  }
  return null;
}

/** An approver is a user (`anna`), a user on a machine (`anna@host`) or an address; anybody where none is named. */
export function mayAnswer(approvers: readonly string[], by: string): boolean {
  if (approvers.length === 0) return true;
  const at = by.lastIndexOf('@');
  const user = at === -1 ? by : by.slice(0, at);
  return approvers.some((name) => name === by || (!name.includes('@') && name === user));
}

export function notWaiting(seen: string): Refusal {
  const expected = 'a run that waits for approval';
  return { code: 'APPROVAL_NOT_WAITING', seen, expected, remedy: 'graft runs list shows which do' };
}

const expired = (seen: string): Refusal => ({
  code: 'APPROVAL_EXPIRED',
  seen,
  expected: 'an answer in time',
  remedy: 'start the run again, or graft models promote NAME VERSION --reason WHY',
});

export function alreadyGiven({ outcome, by, at }: GivenVerdict): Refusal {
  if (outcome === 'timed-out') return expired(`nobody had answered when the time ended at ${at}`);
  return {
    code: 'APPROVAL_DECIDED',
    seen: `it was ${outcome} already, by ${by ?? 'nobody'} at ${at}`,
    expected: 'one answer',
    remedy:
      outcome === 'approved'
        ? 'graft models rollback NAME takes it back'
        : 'graft models promote NAME VERSION --reason WHY',
  };
}

/** The verdict as a rule beside the gate's. */
export function approvalRule(verdict: GivenVerdict & { readonly promote: boolean; readonly reason: string }) {
  const { outcome, by, reason, promote } = verdict;
  const why = reason === '' ? '' : `: ${reason}`;
  const explanation =
    outcome === 'timed-out' ? `nobody answered in time${why}` : `${outcome} by ${by ?? 'nobody'}${why}`;
  return { rule: 'approval', passed: promote, explanation };
}
