import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import type { TrainingPicture, TrainingPictures, Trainings } from '../../../../../contracts/web.ts';
import { apiPath, getJson } from '../../lib/api.ts';
import { count, percent, plural } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { More } from '../../ui/more.tsx';
import { Answered, Card, Empty } from '../../ui/parts.tsx';
import { Framed } from '../../ui/pictures.tsx';
import type { DrawnBox } from '../../ui/pictures.tsx';

const PAGE = 12;
const DRAWS = 3;

/** What a training on this data set was shown: each picture as prepared, and beside it as some epochs drew it. */
export function Augmentations({ path }: { readonly path: string }) {
  const trainings = useApi<Trainings>(`${path}/trainings`);
  const [wanted, setWanted] = useState('');
  return (
    <Answered of={trainings}>
      {({ trainings: all }) => {
        const run = all.find(({ runId }) => runId === wanted)?.runId ?? all[0]?.runId;
        if (run === undefined) {
          return (
            <Empty title="No model has been trained on it yet">
              <code>graft data preview graft.yaml</code> shows draws before a training.
            </Empty>
          );
        }
        const choice = (
          <label className="field">
            Training
            <select
              value={run}
              onChange={(event) => {
                setWanted(event.target.value);
              }}
            >
              {all.map(({ runId, model, version }) => (
                <option key={runId} value={runId}>{`${model} ${String(version)}: ${runId}`}</option>
              ))}
            </select>
          </label>
        );
        return <Sheet key={run} runId={run} choice={choice} />;
      }}
    </Answered>
  );
}

const noCursor = (): string | null => null;

function Sheet({ runId, choice }: { readonly runId: string; readonly choice: ReactNode }) {
  const [epoch, setEpoch] = useState(1);
  const path = `/runs/${encodeURIComponent(runId)}/training-pictures`;
  const sheet = useInfiniteQuery({
    queryKey: [path, { epoch }],
    queryFn: ({ pageParam, signal }) =>
      getJson<TrainingPictures>(path, { epoch, draws: DRAWS, limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: noCursor(),
    getNextPageParam: (last) => last.cursor,
    placeholderData: (before) => before,
  });
  const first = sheet.data?.pages[0];
  const epochs = first?.epochs ?? 1;
  const rows = sheet.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      title={
        first === undefined ? 'Augmentations' : `${count(rows.length)} of ${plural(first.total, 'training picture')}`
      }
      actions={
        <>
          {choice}
          <label className="field">
            From epoch
            <input
              type="number"
              min={1}
              max={epochs}
              value={epoch}
              onChange={(event) => {
                const value = Math.round(Number(event.target.value));
                if (value >= 1 && value <= epochs) setEpoch(value);
              }}
            />
          </label>
        </>
      }
    >
      <Answered of={sheet}>
        {() => (
          <div className="stack">
            {first === undefined ? null : <About sheet={first} runId={runId} />}
            <ul className="draws" aria-label="Training pictures">
              {rows.map((row) => (
                <li key={row.row}>
                  <Draws picture={row} path={path} />
                </li>
              ))}
            </ul>
            <More of={sheet} />
          </div>
        )}
      </Answered>
    </Card>
  );
}

function About({ sheet: { on, seed, epochs }, runId }: { readonly sheet: TrainingPictures; readonly runId: string }) {
  return (
    <p className="small muted">
      {on.length === 0
        ? 'This training was shown its pictures as they are.'
        : `On: ${on.join(', ')}; seed ${String(seed)}, ${plural(epochs, 'epoch')} drawn. Each draw is the training’s own${on.includes('noise') ? ', but for the noise, which is as strong' : ''}.`}{' '}
      <Link to={`/runs/${runId}`}>The run</Link>
    </p>
  );
}

function Draws({ picture, path }: { readonly picture: TrainingPicture; readonly path: string }) {
  const { row, label, boxes, draws } = picture;
  const of = `${picture.path}${label === null ? '' : `, ${label}`}`;
  return (
    <figure>
      <div className="draws-row">
        <div>
          <Framed src={apiPath(`${path}/${String(row)}`)} alt={`${of}: as prepared`} boxes={boxes.map(drawn)} />
          <span className="small muted">as prepared</span>
        </div>
        {draws.map(({ epoch, boxes: moved, mixed }) => (
          <div key={epoch}>
            <Framed
              src={apiPath(`${path}/${String(row)}`, { epoch })}
              alt={`${of}: epoch ${String(epoch)}`}
              boxes={moved.map(drawn)}
            />
            <span className="small muted">
              epoch {epoch}
              {mixed === null ? null : (
                <>
                  : {percent(mixed.ownShare, 0)} its own, the rest {mixed.label ?? mixed.path}
                </>
              )}
            </span>
          </div>
        ))}
      </div>
      <figcaption>
        {label === null ? null : <strong>{label} </strong>}
        <span className="muted break">{picture.path}</span>
      </figcaption>
    </figure>
  );
}

const drawn = (box: TrainingPicture['boxes'][number]): DrawnBox => ({ ...box, tone: 'truth' });
