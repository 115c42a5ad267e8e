import { Approvals, Decision, Done } from '../../../contracts/web.ts';
import type { ApprovalAnswer } from '../../../contracts/approval.ts';
import { answerApproval } from '../../../infra/clients/approvals.ts';
import type { Context } from '../context.ts';
import { readApproval } from '../read/approvals.ts';
import { requireRunId } from '../read/run-view.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

export function approvalRoutes({ backend, index }: Context): Route[] {
  const { store } = backend;
  const answer = (path: string, decision: ApprovalAnswer['decision'], summary: string): Route =>
    route({
      ...noInput,
      method: 'POST',
      path,
      summary,
      body: Decision,
      answer: Done,
      handle: async ({ params, body: { reason, round }, user }) => {
        const runId = requireRunId(params['id']);
        const { temporal } = await backend.clients();
        const said = { decision, reason, by: user.name, via: 'dashboard' as const };
        await answerApproval({ temporal, store }, runId, { ...said, ...(round === undefined ? {} : { round }) });
        return { done: true } as const;
      },
    });
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/approvals',
      summary: 'Promotions that wait for a person, the longest first.',
      answer: Approvals,
      handle: async () => {
        const { runs } = await backend.clients();
        const waiting = (await index.all()).filter(({ status }) => status === 'waiting-for-approval');
        const found = await Promise.all(waiting.map((info) => readApproval({ runs, store }, info)));
        return { approvals: found.flatMap((each) => each ?? []).reverse() };
      },
    }),
    answer('/api/runs/:id/approve', 'approve', 'Lets the promotion happen that a run waits for.'),
    answer('/api/runs/:id/reject', 'reject', 'Keeps the champion where it is.'),
  ];
}
