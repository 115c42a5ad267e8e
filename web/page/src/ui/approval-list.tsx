import { Check, X } from 'lucide-react';
import { Link } from 'react-router';
import type { ApprovalRow } from '../../../../contracts/web.ts';
import { figure, percent } from '../lib/format.ts';
import { Action } from './action.tsx';
import { Empty, When } from './parts.tsx';
import { Rules } from './rules.tsx';
import { TableHead } from './table-head.tsx';

/** Promotions that wait for a person, with what the gate said, to be decided on the spot. */
export function ApprovalList({ approvals }: { readonly approvals: readonly ApprovalRow[] }) {
  if (approvals.length === 0) {
    return (
      <Empty title="Nothing waits for a decision">
        A run whose graft.yaml says <code>promote.approval</code> waits here once the gate lets it through.
      </Empty>
    );
  }
  return (
    <ul className="approvals">
      {approvals.map((approval) => (
        <li key={approval.runId}>
          <div className="row approval-head">
            <Link to={`/runs/${approval.runId}`} className="break">
              {approval.runId}
            </Link>
            <span>
              wants to be <strong>{approval.alias}</strong> of{' '}
              <Link to={`/models/${encodeURIComponent(approval.model)}`}>{approval.model}</Link>
            </span>
            <span className="muted small">
              asked by {approval.requestedBy}, waits since <When at={approval.since} />
              {approval.expiresAt === null ? null : (
                <>
                  , refused by itself <When at={approval.expiresAt} />
                </>
              )}
            </span>
            <span className="row end">
              <Decisions approval={approval} />
            </span>
          </div>
          <Versus approval={approval} />
          {approval.approvers.length === 0 ? null : (
            <p className="small muted approvers">May answer: {approval.approvers.join(', ')}.</p>
          )}
          <Rules rules={approval.rules} />
        </li>
      ))}
    </ul>
  );
}

export function Decisions({ approval: { runId, model, alias, round } }: { readonly approval: ApprovalRow }) {
  const path = `/runs/${encodeURIComponent(runId)}`;
  const reason = { name: 'reason', label: 'Why (kept in the ledger)', kind: 'text', initial: '' } as const;
  // Which comparison was looked at: an answer to another one is refused.
  const body = ({ reason: text = '' }: Readonly<Record<string, string>>): unknown => ({ reason: text, round });
  return (
    <>
      <Action
        label="Approve"
        icon={<Check size={15} aria-hidden />}
        tone="primary"
        about={`Its version becomes ${alias} of ${model}. Who decided and why is entered in the ledger.`}
        path={`${path}/approve`}
        fields={[reason]}
        body={body}
        done={`Approved: ${runId}.`}
      />
      <Action
        label="Reject"
        icon={<X size={15} aria-hidden />}
        tone="danger"
        about={`${alias} of ${model} stays where it is; the version is kept.`}
        path={`${path}/reject`}
        fields={[{ ...reason, required: true }]}
        body={body}
        done={`Rejected: ${runId}.`}
      />
    </>
  );
}

/** So many classes, those that change most: the evaluation has all of them. */
const CLASSES = 12;

function Versus({ approval: { metrics, champion, perClass: all } }: { readonly approval: ApprovalRow }) {
  if (metrics === null) return null;
  const change = ({ challenger, champion: before }: ApprovalRow['perClass'][number]): number =>
    Math.abs(challenger - (before ?? challenger));
  const perClass = [...all].sort((a, b) => change(b) - change(a)).slice(0, CLASSES);
  return (
    <table className="versus">
      <TableHead
        columns={[
          'Metric',
          '#Challenger',
          `#${champion === null ? 'No champion' : `Champion, version ${String(champion.version)}`}`,
        ]}
      />
      <tbody>
        {Object.entries(metrics).map(([name, value]) => (
          <tr key={name}>
            <td>{name}</td>
            <td className="num">{figure(value)}</td>
            <td className="num">{figure(champion?.metrics?.[name])}</td>
          </tr>
        ))}
        {perClass.map(({ label, challenger, champion: before }) => (
          <tr key={`class ${label}`}>
            <td className="break">right of {label}</td>
            <td className="num">{percent(challenger)}</td>
            <td className="num">{percent(before)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
