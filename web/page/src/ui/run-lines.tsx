import { Link } from 'react-router';
import type { RunRow } from '../../../../contracts/web.ts';
import { duration, percent } from '../lib/format.ts';
import { When } from './parts.tsx';
import { Status } from './status.tsx';

/** Runs in a few lines, without a table's columns. */
export const RunLines = ({ runs }: { readonly runs: readonly RunRow[] }) => (
  <ul className="lines">
    {runs.map((run) => (
      <li key={run.runId}>
        <Status state={run.status} />
        <Link to={`/runs/${run.runId}`} className="break">
          {run.runId}
        </Link>
        <span className="end row small">
          {run.accuracy === null ? null : <span>{percent(run.accuracy)}</span>}
          <span className="muted">
            {run.endedAt === null ? (
              <>
                since <When at={run.startedAt} />
              </>
            ) : (
              <>
                <When at={run.endedAt} />, {duration(secondsOf(run))}
              </>
            )}
          </span>
        </span>
      </li>
    ))}
  </ul>
);

export const secondsOf = ({ startedAt, endedAt }: RunRow, nowMs = 0): number =>
  ((endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)) / 1000;
