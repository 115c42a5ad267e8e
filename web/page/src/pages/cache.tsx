import { Link, useParams, useSearchParams } from 'react-router';
import type { CacheStage, CacheView, Runs } from '../../../../contracts/web.ts';
import { bytes, shortHash } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, When } from '../ui/parts.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { Status } from '../ui/status.tsx';
import { TableHead } from '../ui/table-head.tsx';

export function Cache() {
  const { runId } = useParams();
  const [params, setParams] = useSearchParams();
  const runs = useApi<Runs>('/runs', { query: { limit: 50 } });
  const wanted = runId ?? params.get('run') ?? runs.data?.runs[0]?.runId ?? '';
  const known = runs.data?.runs.some((run) => run.runId === wanted) ?? true;
  const view = useApi<CacheView>(`/cache/${encodeURIComponent(wanted)}`, { enabled: wanted !== '' });
  return (
    <>
      <PageHead
        title="Cache"
        lead="What each stage was addressed by, and why it was taken from the cache or made anew."
      />
      <div className="stack">
        <div className="row">
          <label className="field">
            Run
            <select
              value={wanted}
              onChange={(event) => {
                setParams({ run: event.target.value }, { replace: true });
              }}
            >
              {known ? null : <option>{wanted}</option>}
              {runs.data?.runs.map((run) => (
                <option key={run.runId}>{run.runId}</option>
              ))}
            </select>
          </label>
          {wanted === '' ? null : <Link to={`/runs/${wanted}`}>to the run</Link>}
        </div>
        {wanted === '' ? (
          runs.data === undefined ? null : (
            <Empty title="No run has been made yet" />
          )
        ) : (
          <Answered of={view}>
            {({ stages }) =>
              stages.length === 0 ? (
                <Empty title="It has finished no stage yet" />
              ) : (
                stages.map((stage) => <Stage key={`${stage.stage} ${stage.key}`} stage={stage} />)
              )
            }
          </Answered>
        )}
      </div>
    </>
  );
}

function Stage({ stage: { stage, key, cached, createdAt, sizeBytes, why, fields } }: { readonly stage: CacheStage }) {
  return (
    <Card
      title={stage}
      actions={
        <>
          <Status state={cached ? 'cached' : 'done'} word={cached ? 'Taken from the cache' : 'Made anew'} />
          <span className="muted small">
            <code>{shortHash(key)}</code> · {bytes(sizeBytes)} · <When at={createdAt} />
          </span>
        </>
      }
      flush
    >
      <p className="why break">{why}</p>
      {fields.length === 0 ? null : (
        <details>
          <summary>What its key is made of</summary>
          <Scroll label={`Fields of ${stage}`}>
            <table>
              <TableHead columns={['Field', 'Here', 'In the nearest other']} />
              <tbody>
                {fields.map(({ field, value, other }) => (
                  <tr key={field} className={other === null ? undefined : 'chosen-row'}>
                    <td>
                      <code>{field}</code>
                    </td>
                    <td className="break">{value}</td>
                    <td className="break">{other ?? <span className="muted">the same</span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </details>
      )}
    </Card>
  );
}
