import type { Approvals as ApprovalsAnswer } from '../../../../contracts/web.ts';
import { CALM_MS, useApi } from '../lib/queries.ts';
import { ApprovalList } from '../ui/approval-list.tsx';
import { Answered, Card, PageHead } from '../ui/parts.tsx';

export function Approvals() {
  const answer = useApi<ApprovalsAnswer>('/approvals', { everyMs: CALM_MS });
  return (
    <>
      <PageHead title="Approvals" lead="Promotions that the gate let through and that a person decides." />
      <Card title="Waiting" flush>
        <Answered of={answer}>{({ approvals }) => <ApprovalList approvals={approvals} />}</Answered>
      </Card>
    </>
  );
}
