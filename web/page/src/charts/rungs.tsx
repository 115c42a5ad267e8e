import './rungs.css';

export interface RungTrial {
  readonly id: number;
  readonly epochs: number;
  readonly state: string;
}

interface RungsProps {
  readonly trials: readonly RungTrial[];
  /** Epochs at which trials were judged. */
  readonly judged: readonly number[];
  readonly best: number | null;
}

/** How far each trial was let go: a rung for each number of epochs they are judged at, and who came there. */
export function Rungs({ trials, judged, best }: RungsProps) {
  const rungs = [...new Set(judged)].sort((a, b) => a - b);
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
