import type { Run, RunLog } from '../../../../../contracts/web.ts';
import { bytes, count, moment } from '../../lib/format.ts';
import { CALM_MS, useApi } from '../../lib/queries.ts';
import { JsonView } from '../../ui/json-view.tsx';
import { Answered, Card, Empty, When } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { Status, Tag } from '../../ui/status.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface DetailsProps {
  readonly tab: 'checkpoints' | 'log' | 'config';
  readonly run: Run;
  readonly path: string;
}

export function RunDetails({ tab, run, path }: DetailsProps) {
  if (tab === 'checkpoints') return <Checkpoints run={run} />;
  if (tab === 'log') return <Log path={path} running={run.live.status === 'running'} />;
  return (
    <Card title="What it was asked to do">
      {run.config === null ? (
        <Empty title="Its record is not there yet" />
      ) : (
        <JsonView value={run.config} label="The pipeline’s configuration" />
      )}
    </Card>
  );
}

function Checkpoints({ run: { checkpoints, attempts } }: { readonly run: Run }) {
  return (
    <div className="columns">
      <Card title="Checkpoints" flush>
        {checkpoints.length === 0 ? (
          <Empty title="None is kept" />
        ) : (
          <Scroll label="Checkpoints">
            <table>
              <TableHead columns={['#Step', '#Epoch', 'Written', '#Size', '!Best']} />
              <tbody>
                {checkpoints.map(({ step, epoch, attempt, createdAt, sizeBytes, isBest }) => (
                  <tr key={`${String(step)}-${String(attempt)}`}>
                    <td className="num">{count(step)}</td>
                    <td className="num">{count(epoch)}</td>
                    <td>
                      <When at={createdAt} />
                    </td>
                    <td className="num">{bytes(sizeBytes)}</td>
                    <td>{isBest ? <Tag tone="good">best</Tag> : null}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Card>
      <Card title="Tries" flush>
        {attempts.length === 0 ? (
          <Empty title="The training has not begun, or was taken from the cache" />
        ) : (
          <ul className="lines">
            {attempts.map(({ attempt, startedAt, host, resumedFromStep, redoneSteps }) => (
              <li key={attempt}>
                <strong>{attempt}</strong>
                <span>
                  <When at={startedAt} /> on {host}
                </span>
                <span className="muted end">
                  {resumedFromStep === 0 ? 'from the start' : `from step ${count(resumedFromStep)}`}
                  {redoneSteps === 0 ? '' : `, ${count(redoneSteps)} steps done again`}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Card>
    </div>
  );
}

function Log({ path, running }: { readonly path: string; readonly running: boolean }) {
  const log = useApi<RunLog>(`${path}/log`, { everyMs: running ? CALM_MS : false });
  return (
    <Card title="What happened" flush>
      <Answered of={log}>
        {({ lines, cut }) =>
          lines.length === 0 ? (
            <Empty title="Nothing yet" />
          ) : (
            <Scroll label="Log">
              <ul className="lines log">
                {cut ? <li className="muted">Older lines are left out.</li> : null}
                {lines.map(({ at, level, text }, index) => (
                  <li key={`${at} ${String(index)}`}>
                    <time dateTime={at} className="muted">
                      {moment(new Date(at))}
                    </time>
                    {level === 'info' ? null : <Status state={level === 'error' ? 'failed' : 'warning'} word={level} />}
                    <span className="break">{text}</span>
                  </li>
                ))}
              </ul>
            </Scroll>
          )
        }
      </Answered>
    </Card>
  );
}
