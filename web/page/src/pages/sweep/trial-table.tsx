import { Square } from 'lucide-react';
import { Link } from 'react-router';
import type { SweepReport, TrialReport } from '../../../../../contracts/sweep.ts';
import { count, duration, figure, short } from '../../lib/format.ts';
import { Action } from '../../ui/action.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { Status } from '../../ui/status.tsx';
import { TableHead } from '../../ui/table-head.tsx';
import { plain } from './values.ts';

interface TableProps {
  readonly report: SweepReport;
  readonly chosen: number | null;
  readonly onChoose: (trial: number) => void;
  readonly path: string;
  readonly going: boolean;
}

export function TrialTable({ report, chosen, onChoose, path, going }: TableProps) {
  const names = Object.keys(report.trials[0]?.values ?? {});
  return (
    <Scroll label="Trials">
      <table>
        <TableHead
          columns={[
            ...['Trial', 'State'],
            ...names.map((name) => `#${name}`),
            ...report.objectives.map(({ metric }) => `#${metric}`),
            ...['#Epochs', '#Took', '!Actions'],
          ]}
        />
        <tbody>
          {report.trials.map((trial) => (
            <TrialRow
              key={trial.trial}
              {...{ trial, names, chosen, onChoose, path, going }}
              objectives={report.objectives}
            />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

interface RowProps extends Omit<TableProps, 'report'> {
  readonly trial: TrialReport;
  readonly names: readonly string[];
  readonly objectives: SweepReport['objectives'];
}

function TrialRow({ trial, names, objectives, chosen, onChoose, path, going }: RowProps) {
  return (
    <tr className={trial.trial === chosen ? 'chosen-row' : undefined}>
      <td>
        <button
          type="button"
          className="quiet"
          aria-pressed={trial.trial === chosen}
          aria-label={`Trial ${String(trial.trial)} in the chart`}
          onClick={() => {
            onChoose(trial.trial);
          }}
        >
          {trial.trial}
        </button>
      </td>
      <td>
        <Status state={trial.state} />
        {trial.reason === null ? null : <span className="small muted break"> {trial.reason}</span>}
      </td>
      {names.map((name) => (
        <td key={name} className="num">
          {shown(trial.values[name])}
        </td>
      ))}
      {objectives.map(({ metric }, index) => (
        <td key={metric} className="num">
          {figure(trial.metrics[index])}
        </td>
      ))}
      <td className="num">{count(trial.epochs)}</td>
      <td className="num">{duration(trial.seconds)}</td>
      <td>
        <span className="row">
          <Link to={`/runs/${trial.runId}`}>run</Link>
          {going && (trial.state === 'running' || trial.state === 'paused') ? (
            <Action
              label={`Stop trial ${String(trial.trial)}`}
              icon={<Square size={13} aria-hidden />}
              about="It is given up; the others go on."
              path={`${path}/change`}
              body={() => ({ kind: 'stop-trial', trial: trial.trial })}
              done={`Trial ${String(trial.trial)} stops.`}
            />
          ) : null}
        </span>
      </td>
    </tr>
  );
}

function shown(value: unknown): string {
  const text = plain(value);
  return typeof text === 'number' ? short(text) : (text ?? '–');
}
