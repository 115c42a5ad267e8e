import { describe, expect, it } from 'vitest';
import { approvalRefusal, approvalRule, mayAnswer } from './approval.ts';
import type { GivenVerdict, WaitingApproval } from './approval.ts';

const waiting: WaitingApproval = { round: 2, expiresMs: 1000, approvers: ['anna', 'ben@lab'] };
const given: GivenVerdict = { round: 2, outcome: 'approved', by: 'anna@desk', at: '2026-01-01T00:00:00.000Z' };
const answer = { decision: 'approve', by: 'anna@desk', reason: '' } as const;

describe('approvalRefusal', () => {
  it.each([
    ['an answer in time by one who may', answer, waiting, null, 0, null],
    ['an answer to the comparison that was looked at', { ...answer, round: 2 }, waiting, null, 0, null],
    ['a rejection with a reason', { ...answer, decision: 'reject', reason: 'dogs' }, waiting, null, 0, null],
    ['the last moment', answer, waiting, null, 999, null],
    ['the moment after', answer, waiting, null, 1000, 'APPROVAL_EXPIRED'],
    ['the wrong person', { ...answer, by: 'eve@desk' }, waiting, null, 0, 'APPROVAL_NOT_ALLOWED'],
    ['the right name on another machine', { ...answer, by: 'ben@desk' }, waiting, null, 0, 'APPROVAL_NOT_ALLOWED'],
    ['an older comparison', { ...answer, round: 1 }, waiting, null, 0, 'APPROVAL_STALE'],
    ['a rejection without a reason', { ...answer, decision: 'reject', reason: ' ' }, waiting, null, 0, 'REASON'],
    ['a run that waits for nothing', answer, null, null, 0, 'APPROVAL_NOT_WAITING'],
    ['a second answer', answer, null, given, 0, 'APPROVAL_DECIDED'],
    ['a second answer by another', { ...answer, by: 'ben@lab' }, null, given, 0, 'APPROVAL_DECIDED'],
    ['an answer after nobody answered', answer, null, { ...given, outcome: 'timed-out' }, 0, 'APPROVAL_EXPIRED'],
    ['an answer to the round before', { ...answer, round: 1 }, waiting, { ...given, round: 1 }, 0, 'APPROVAL_DECIDED'],
  ] as const)('%s', (_, said, open, before, nowMs, code) => {
    const refusal = approvalRefusal(said, open, before, nowMs);
    expect(refusal?.code ?? null).toBe(code);
    if (refusal) for (const part of [refusal.seen, refusal.expected, refusal.remedy]) expect(part).not.toBe('');
  });
});

describe('mayAnswer', () => {
  it.each([
    [[], 'anybody@host', true],
    [['anna'], 'anna@host', true],
    [['anna'], 'anna', true],
    [['anna@clinic.org'], 'anna@clinic.org', true],
    [['anna@clinic.org'], 'anna@host', false],
    [['ann'], 'anna@host', false],
    [['host'], 'anna@host', false],
  ] as const)('%j lets %s: %s', (approvers, by, may) => {
    expect(mayAnswer(approvers, by)).toBe(may);
  });
});

it('shows the verdict as a rule', () => {
  expect(approvalRule({ ...given, promote: true, reason: 'looked at it' })).toEqual({
    ...{ rule: 'approval', passed: true, explanation: 'approved by anna@desk: looked at it' },
  });
  const late = approvalRule({ ...given, by: null, outcome: 'timed-out', promote: false, reason: '' });
  expect(late).toMatchObject({ passed: false, explanation: 'nobody answered in time' });
});
