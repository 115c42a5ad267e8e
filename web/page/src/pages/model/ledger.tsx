import { ArrowRight, Undo2 } from 'lucide-react';
import type { Model } from '../../../../../contracts/web.ts';
import { Empty, When } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';

/** Every move of an alias: who, when, from where to where, why. Entries are never changed, only added. */
export function Ledger({ entries }: { readonly entries: Model['ledger'] }) {
  if (entries.length === 0) return <Empty title="No alias has been moved yet" />;
  return (
    <Scroll label="Ledger">
      <ol className="lines">
        {entries.map(({ seq, time, actor, action, alias, from, to, reason, evidence }) => (
          <li key={seq}>
            {action === 'rollback' ? <Undo2 size={15} aria-hidden /> : <ArrowRight size={15} aria-hidden />}
            <span>
              {action === 'rollback' ? 'Rolled back' : 'Promoted'}: <strong>{alias}</strong> {from ?? 'nowhere'} → {to}
            </span>
            <span className="muted">
              by {actor}
              {evidence.by === undefined ? '' : ` (${evidence.by})`}
            </span>
            <span className="end muted small">
              <When at={time} />
            </span>
            {reason === '' ? null : <p className="ledger-reason break">{reason}</p>}
          </li>
        ))}
      </ol>
    </Scroll>
  );
}
