import { Link } from 'react-router';
import type { ChampionRow, NextTick, Overview as OverviewAnswer, RunRow } from '../../../../contracts/web.ts';
import { CALM_MS, useApi } from '../lib/queries.ts';
import { count, percent } from '../lib/format.ts';
import { ApprovalList } from '../ui/approval-list.tsx';
import { Answered, Card, Empty, PageHead, Stats, When } from '../ui/parts.tsx';
import { RunLines } from '../ui/run-lines.tsx';

export function Overview() {
  const overview = useApi<OverviewAnswer>('/overview', { everyMs: CALM_MS });
  return (
    <>
      <PageHead title="Overview" />
      <Answered of={overview}>{(data) => <OverviewParts {...data} />}</Answered>
    </>
  );
}

function OverviewParts({ counts, running, waiting, failed, recent, next, champions }: OverviewAnswer) {
  if (recent.length === 0 && running.length === 0) return <FirstSteps />;
  return (
    <div className="stack">
      <Stats
        facts={[
          { label: 'Running', value: <Link to="/runs?status=running">{count(counts.running)}</Link> },
          { label: 'Waiting for approval', value: <Link to="/approvals">{count(counts.waiting)}</Link> },
          { label: 'Completed', value: <Link to="/runs?status=completed">{count(counts.completed)}</Link> },
          { label: 'Failed', value: <Link to="/runs?status=failed">{count(counts.failed)}</Link> },
          { label: 'Cancelled', value: <Link to="/runs?status=cancelled">{count(counts.cancelled)}</Link> },
        ]}
      />
      {waiting.length === 0 ? null : (
        <Card title="Waiting for approval" flush>
          <ApprovalList approvals={waiting} />
        </Card>
      )}
      <div className="columns">
        <RunCard title="Running" runs={running} none="Nothing is running." />
        <Champions champions={champions} />
        <RunCard title="Newest runs" runs={recent.slice(0, 8)} none="No run has ended yet." />
        <div className="stack">
          <RunCard title="Failed" runs={failed.slice(0, 5)} none="Nothing has failed." />
          <NextTicks next={next} />
        </div>
      </div>
    </div>
  );
}

const RunCard = ({
  title,
  runs,
  none,
}: {
  readonly title: string;
  readonly runs: readonly RunRow[];
  readonly none: string;
}) => (
  <Card title={title} flush>
    {runs.length === 0 ? <p className="muted nothing">{none}</p> : <RunLines runs={runs} />}
  </Card>
);

const Champions = ({ champions }: { readonly champions: readonly ChampionRow[] }) => (
  <Card title="Champions" flush actions={<Link to="/models">All models</Link>}>
    {champions.length === 0 ? (
      <p className="muted nothing">No model has been promoted yet.</p>
    ) : (
      <ul className="lines">
        {champions.map(({ model, alias, version, accuracy, since }) => (
          <li key={`${model} ${alias}`}>
            <Link to={`/models/${encodeURIComponent(model)}`}>{model}</Link>
            <span>version {version}</span>
            <span className="muted small">{alias}</span>
            <span className="end row">
              {accuracy === null ? null : <span>{percent(accuracy)}</span>}
              <span className="muted small">
                since <When at={since} />
              </span>
            </span>
          </li>
        ))}
      </ul>
    )}
  </Card>
);

const NextTicks = ({ next }: { readonly next: readonly NextTick[] }) => (
  <Card title="Next on schedule" flush actions={<Link to="/schedules">All schedules</Link>}>
    {next.length === 0 ? (
      <p className="muted nothing">
        Nothing is scheduled. <code>graft schedule create</code> retrains by itself.
      </p>
    ) : (
      <ul className="lines">
        {next.slice(0, 6).map(({ scheduleId, name, at }) => (
          <li key={`${scheduleId} ${at}`}>
            <span className="break">{scheduleId}</span>
            <span className="muted small break">{name}</span>
            <span className="end">
              <When at={at} />
            </span>
          </li>
        ))}
      </ul>
    )}
  </Card>
);

const FirstSteps = () => (
  <Card title="Nothing has been trained yet">
    <Empty title="Start with a folder of images, one folder inside for each class">
      <code>graft init ./images</code> writes a graft.yaml with the reasons beside each choice;{' '}
      <code>graft run graft.yaml</code> trains, and what it does appears here.
    </Empty>
  </Card>
);
