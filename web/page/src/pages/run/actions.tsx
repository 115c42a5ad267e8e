import { Ban, Play, StepForward } from 'lucide-react';
import type { RunAction } from '../../../../../contracts/web.ts';
import { Action } from '../../ui/action.tsx';

/** What may be asked of a run as it stands; the server says what that is. */
export function RunActions({ runId, actions }: { readonly runId: string; readonly actions: readonly RunAction[] }) {
  const path = `/runs/${encodeURIComponent(runId)}`;
  return (
    <>
      {actions.includes('cancel') ? (
        <Action
          label="Cancel"
          icon={<Ban size={15} aria-hidden />}
          tone="danger"
          about="The training writes a last checkpoint and stops; the run can be resumed from there, exactly."
          path={`${path}/cancel`}
          done="Asked to stop; it writes a last checkpoint first."
        />
      ) : null}
      {actions.includes('resume') ? (
        <Action
          label="Resume"
          icon={<Play size={15} aria-hidden />}
          tone="primary"
          about="It goes on from its last checkpoint and ends with the same weights as if it had never stopped."
          path={`${path}/resume`}
          done="It goes on."
        />
      ) : null}
      {actions.includes('extend') ? (
        <Action
          label="Extend"
          icon={<StepForward size={15} aria-hidden />}
          about="A run that has ended trains on from its last checkpoint to more epochs."
          path={`${path}/extend`}
          fields={[{ name: 'epochs', label: 'Epochs more', kind: 'number', initial: '5', required: true }]}
          body={({ epochs = '' }) => ({ epochs: Number(epochs) })}
          done="It trains on."
        />
      ) : null}
    </>
  );
}
