/** A promotion that waits for a person, on a real Temporal server. */
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApprovalAnswer, ApprovalRecord } from '../../contracts/approval.ts';
import type { NotifyMessage } from '../../contracts/notify-config.ts';
import type { PromoteInput } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { answerApproval, answerByLink } from '../../infra/clients/approvals.ts';
import { approvalToken } from '../../infra/approvals/link.ts';
import { cancelRunSignal, progressQuery } from '../../workflows/messages.ts';
import type { retrainWorkflow } from '../../workflows/index.ts';
import { retrainWorkflowId } from '../../workflows/workflow-ids.ts';
import { createMemoryObjectStore } from '../fakes/memory-object-store.ts';
import { fakeActivities } from '../fakes/stage-activities.ts';
import { manualInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

type Handle = WorkflowHandle<typeof retrainWorkflow>;

/** Activities that keep what they were told. */
function recording() {
  const promotions: PromoteInput[] = [];
  const records: ApprovalRecord[] = [];
  const messages: NotifyMessage[] = [];
  const store = createMemoryObjectStore();
  const activities = fakeActivities({
    recordApproval: async (record) => {
      records.push(record);
      const key = `runs/${record.runId}/approval/${record.verdict.round}-verdict.json`;
      await store.put(key, new TextEncoder().encode(JSON.stringify(record)));
    },
    deliverNotification: async ({ message }) => void messages.push(message),
  });
  const { promoteModel } = activities;
  activities.promoteModel = async (input) => {
    promotions.push(input);
    const answer = await promoteModel(input);
    return { ...answer, output: { ...answer.output, promoted: input.approval?.promote ?? true } };
  };
  const services = { temporal: { client: bench.client }, store };
  const say = (run: string, answer: Partial<ApprovalAnswer>) =>
    answerApproval(services, asRunId(run), {
      decision: 'approve',
      by: 'anna@desk',
      reason: '',
      via: 'command',
      ...answer,
    });
  return { activities, promotions, records, messages, services, say };
}

const waits = (handle: Handle) =>
  expect
    .poll(() => handle.query(progressQuery).then(({ status }) => status), { timeout: 20_000 })
    .toBe('waiting-for-approval');
const memoStatus = async (handle: Handle) => (await handle.describe()).memo?.['outcome'];

describe('a promotion that waits', () => {
  test('is shown as waiting, is promoted once approved, and says who approved', async () => {
    const { activities, promotions, records, say } = recording();
    await bench.withRun(manualInput('approved', { approvers: ['anna'] }), activities, async (handle) => {
      await waits(handle);
      expect(promotions).toEqual([]);
      expect(await memoStatus(handle)).toMatchObject({ status: 'waiting-for-approval', accuracy: 0.9 });
      expect(await handle.query(progressQuery)).toMatchObject({ approval: { round: 1, approvers: ['anna'] } });
      const verdict = await say('approved', { reason: 'looked at it' });
      expect(verdict).toMatchObject({ outcome: 'approved', promote: true, by: 'anna@desk', reason: 'looked at it' });
      const report = await handle.result();
      expect(report).toMatchObject({ status: 'completed', model: { promoted: true }, approval: verdict });
      expect(report.gate.at(-1)).toMatchObject({ rule: 'approval', passed: true });
      expect(promotions[0]?.approval).toEqual(verdict);
      expect(records).toMatchObject([{ runId: 'approved', verdict }]);
      expect((await handle.query(progressQuery)).approval).toBeUndefined();
    });
  });

  test('is kept and not promoted once rejected; a run that nobody has to approve is not asked', async () => {
    const { activities, say } = recording();
    await bench.withRun(manualInput('rejected'), activities, async (handle) => {
      await waits(handle);
      await say('rejected', { decision: 'reject', reason: 'dogs got worse' });
      const report = await handle.result();
      expect(report).toMatchObject({ status: 'completed', model: { version: 1, promoted: false } });
      expect(report.gate.at(-1)?.explanation).toBe('rejected by anna@desk: dogs got worse');
    });
    activities.prepareApproval = async () => null;
    const there = await bench.withRun(manualInput('there-already'), activities, (handle) => handle.result());
    expect(there.approval).toBeUndefined();
  });

  test('refuses the wrong person, a stale comparison, no reason; a second answer; an answer to what has ended', async () => {
    const { activities, say } = recording();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { promoteModel } = activities;
    activities.promoteModel = (input) => held.then(() => promoteModel(input));
    await bench.withRun(manualInput('refusals', { approvers: ['anna'] }), activities, async (handle) => {
      await waits(handle);
      await expect(say('refusals', { by: 'eve@desk' })).rejects.toThrow(
        /^APPROVAL_NOT_ALLOWED: run refusals — eve@desk/,
      );
      await expect(say('refusals', { round: 2 })).rejects.toThrow(/^APPROVAL_STALE/);
      await expect(say('refusals', { decision: 'reject' })).rejects.toThrow(/^REASON/);
      expect((await handle.query(progressQuery)).status).toBe('waiting-for-approval');
      await say('refusals', {});
      await expect(say('refusals', {})).rejects.toThrow(/^APPROVAL_DECIDED: .*approved already, by anna@desk/);
      release();
      await handle.result();
      await expect(say('refusals', {})).rejects.toThrow(/^APPROVAL_DECIDED/);
      await expect(say('refusals', {})).rejects.toMatchObject({ kind: 'input' });
    });
    await expect(say('never-started', {})).rejects.toThrow(/^APPROVAL_NOT_WAITING/);
  });

  test('refuses an answer while nothing waits', async () => {
    const { activities, say } = recording();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { trainModel } = activities;
    activities.trainModel = (input) => held.then(() => trainModel(input));
    await bench.withRun(manualInput('training'), activities, async (handle) => {
      await expect(say('training', {})).rejects.toThrow(/^APPROVAL_NOT_WAITING/);
      release();
      await waits(handle);
      await say('training', {});
      await handle.result();
    });
  });

  test.each(['reject', 'approve'] as const)('reminds once, and where nobody answers: %s', async (onTimeout) => {
    const { activities, messages, say } = recording();
    const name = `timeout-${onTimeout}`;
    const input = manualInput(name, { remindAfterHours: 0.0003, timeoutHours: 0.0008, onTimeout });
    const notify = [
      { kind: 'command', commandEnv: 'GRAFT_NOTIFY_COMMAND', timeoutSeconds: 10, on: ['approval-wanted'] },
    ];
    const told = { ...input, config: { ...input.config, notify } } as typeof input;
    await bench.withRun(told, activities, async (handle) => {
      const report = await handle.result();
      const promoted = onTimeout === 'approve';
      expect(report).toMatchObject({ status: 'completed', model: { promoted }, approval: { outcome: 'timed-out' } });
      await expect.poll(() => messages.length, { timeout: 10_000 }).toBe(2);
      expect(messages[0]).toMatchObject({ event: 'approval-wanted', approval: { round: 1 } });
      await expect(say(name, {})).rejects.toThrow(/^APPROVAL_EXPIRED: run timeout-/);
    });
  });

  test('fails where nobody answers, if that is wanted; and is cancelled while it waits', async () => {
    const { activities } = recording();
    const input = manualInput('timeout-fail', { timeoutHours: 0.0003, onTimeout: 'fail' });
    await bench.withRun(input, activities, async (handle) => {
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'APPROVAL_TIMEOUT' } });
    });
    await bench.withRun(manualInput('cancelled-waiting'), activities, async (handle) => {
      await waits(handle);
      await handle.signal(cancelRunSignal, { reason: 'test' });
      expect((await handle.result()).status).toBe('cancelled');
    });
  });

  test('is asked for again where another run was promoted meanwhile, and a link to the old comparison is refused', async () => {
    const { activities, promotions, services } = recording();
    const { promoteModel } = activities;
    activities.promoteModel = async (input) => {
      const answer = await promoteModel(input);
      return promotions.length > 1 ? answer : { ...answer, output: { ...answer.output, overtakenBy: 7 } };
    };
    const secret = 'a secret of the workers';
    const linkOf = (round: number) =>
      approvalToken({ runId: asRunId('overtaken'), round, by: 'anna@clinic.org', expires: 4_000_000_000 }, secret);
    const yes = { decision: 'approve', reason: '' } as const;
    const now = { secret, nowMs: Date.now() };
    await bench.withRun(manualInput('overtaken'), activities, async (handle) => {
      await waits(handle);
      expect(await answerByLink(services, linkOf(1), yes, now)).toMatchObject({ runId: 'overtaken', via: 'link' });
      const round = () => handle.query(progressQuery).then(({ approval }) => approval?.round);
      await expect.poll(round, { timeout: 20_000 }).toBe(2);
      await expect(answerByLink(services, linkOf(1), yes, now)).rejects.toThrow(/^APPROVAL_STALE/);
      await answerByLink(services, linkOf(2), yes, now);
      expect((await handle.result()).approval).toMatchObject({ round: 2, by: 'anna@clinic.org' });
    });
  });

  test('survives the loss of every worker while it waits', async () => {
    const { activities, say } = recording();
    await bench.withRun(manualInput('lost-workers'), activities, (handle) => waits(handle));
    const { status } = await bench.client.workflow.getHandle(retrainWorkflowId(asRunId('lost-workers'))).describe();
    expect(status.name).toBe('RUNNING');
    await bench.withWorkers(activities, async () => {
      expect(await say('lost-workers', {})).toMatchObject({ outcome: 'approved' });
      await bench.client.workflow.getHandle(retrainWorkflowId(asRunId('lost-workers'))).result();
    });
  });
});
