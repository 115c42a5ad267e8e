import './rungs.css';

export interface RungTrial {
  readonly id: number;
  readonly epochs: number;
  readonly state: string;
}

/** How far each trial was let go: a column for each number of epochs, a dot for each trial, filled where it went on. */
export function Rungs({ trials, best }: { readonly trials: readonly RungTrial[]; readonly best: number | null }) {
  const rungs = [...new Set(trials.map(({ epochs }) => epochs))].sort((a, b) => a - b);
  return (
    <div className="rungs">
      {rungs.map((epochs) => {
        const reached = trials.filter((trial) => trial.epochs >= epochs);
        return (
          <div key={epochs} className="rung">
            <strong>
              {epochs} {epochs === 1 ? 'epoch' : 'epochs'}
            </strong>
            <span className="muted small">
              {reached.length} of {trials.length} trials came here
            </span>
            <ul>
              {reached.map(({ id, epochs: last, state }) => (
                <li
                  key={id}
                  className={id === best ? 'best' : last > epochs ? 'on' : state}
                  title={`Trial ${String(id)}: ${last > epochs ? 'went on' : state}`}
                >
                  {id}
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </div>
  );
}
