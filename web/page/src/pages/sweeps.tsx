import { Link } from 'react-router';
import type { Sweeps as SweepsAnswer } from '../../../../contracts/web.ts';
import { CALM_MS, useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, When } from '../ui/parts.tsx';
import { Status } from '../ui/status.tsx';

export function Sweeps() {
  const answer = useApi<SweepsAnswer>('/sweeps', { everyMs: CALM_MS });
  return (
    <>
      <PageHead title="Sweeps" lead="Experiments: one pipeline, many settings, and which of them is best." />
      <Card title="All" flush>
        <Answered of={answer}>
          {({ sweeps }) =>
            sweeps.length === 0 ? (
              <Empty title="No sweep has been started yet">
                <code>graft sweep FILE</code> starts one; a file names a base and a space to search.
              </Empty>
            ) : (
              <ul className="lines">
                {sweeps.map(({ sweepId, status, startedAt, endedAt }) => (
                  <li key={sweepId}>
                    <Status state={status} />
                    <Link to={`/sweeps/${sweepId}`} className="break">
                      {sweepId}
                    </Link>
                    <span className="end muted small">
                      began <When at={startedAt} />
                      {endedAt === null ? null : (
                        <>
                          , ended <When at={endedAt} />
                        </>
                      )}
                    </span>
                  </li>
                ))}
              </ul>
            )
          }
        </Answered>
      </Card>
    </>
  );
}
