import { Undo2 } from 'lucide-react';
import type { Model } from '../../../../../contracts/web.ts';
import { Action } from '../../ui/action.tsx';

const reason = {
  name: 'reason',
  label: 'Why (kept in the ledger)',
  kind: 'text',
  initial: '',
  required: true,
} as const;

/** Of the whole model: back to where the champion stood before. */
export function MoveActions({ model, path }: { readonly model: Model; readonly path: string }) {
  const current = model.aliases['champion'] ?? null;
  const before = model.ledger.find(({ alias, to }) => alias === 'champion' && to === current)?.from ?? null;
  if (current === null || before === null) return null;
  return (
    <Action
      label="Roll back"
      icon={<Undo2 size={15} aria-hidden />}
      about={`champion goes from version ${String(current)} back to version ${String(before)}. Its answers on known images are checked first.`}
      path={`${path}/rollback`}
      fields={[reason]}
      // Where it was seen to stand: if somebody has moved it since, this is refused and not done twice.
      body={(values) => ({ reason: values['reason'], expected: current, version: before })}
      done={`champion is version ${String(before)} again.`}
    />
  );
}

interface PromoteProps {
  readonly model: Model;
  readonly version: number;
  readonly path: string;
}

export function Promote({ model, version, path }: PromoteProps) {
  const current = model.aliases['champion'] ?? null;
  if (current === version) return null;
  return (
    <Action
      label={`Promote ${String(version)}`}
      about={`champion goes from ${current === null ? 'nowhere' : `version ${String(current)}`} to version ${String(version)}, past the gate. Its answers on known images are checked first.`}
      path={`${path}/promote`}
      fields={[reason]}
      body={(values) => ({ version, reason: values['reason'], expected: current })}
      done={`Version ${String(version)} is champion.`}
    />
  );
}
