import { useQueryClient } from '@tanstack/react-query';
import { Pause, Play, Square } from 'lucide-react';
import { useCallback, useState } from 'react';
import { Link, useParams } from 'react-router';
import type { Sweep as SweepAnswer, SweepEvent } from '../../../../contracts/web.ts';
import { Bars } from '../charts/bars.tsx';
import { Rungs } from '../charts/rungs.tsx';
import { count, duration, figure, percent } from '../lib/format.ts';
import { useStream } from '../lib/live.ts';
import { useApi } from '../lib/queries.ts';
import { Action } from '../ui/action.tsx';
import { Answered, Card, Empty, PageHead, Stats } from '../ui/parts.tsx';
import { Status } from '../ui/status.tsx';
import { SweepCoordinates } from './sweep/coordinates.tsx';
import { SweepScatter } from './sweep/scatter.tsx';
import { TrialTable } from './sweep/trial-table.tsx';

const kinds: readonly SweepEvent['kind'][] = ['progress', 'away', 'gone', 'end'];

export function Sweep() {
  const { sweepId = '' } = useParams();
  const path = `/sweeps/${encodeURIComponent(sweepId)}`;
  const sweep = useApi<SweepAnswer>(path);
  const client = useQueryClient();
  const running = isGoing(sweep.data?.report.status);
  const onEvent = useCallback(
    (event: SweepEvent) => {
      if (event.kind === 'progress' || event.kind === 'end') client.setQueryData<SweepAnswer>([path, {}], event.sweep);
    },
    [client, path],
  );
  const live = useStream<SweepEvent>(running ? `${path}/stream` : null, kinds, onEvent);
  return <Answered of={sweep}>{(data) => <Parts sweep={data} path={path} live={live} />}</Answered>;
}

const isGoing = (status: string | undefined): boolean => status === 'running' || status === 'paused';

interface PartsProps {
  readonly sweep: SweepAnswer;
  readonly path: string;
  readonly live: boolean;
}

function Parts({ sweep, path, live }: PartsProps) {
  const { report, method } = sweep;
  const { sweepId, status, trials, best, objectives, ended, error, promotion } = report;
  const [chosen, setChosen] = useState<number | null>(best?.trial ?? null);
  const going = isGoing(status);
  return (
    <>
      <PageHead
        title={sweepId}
        status={<Status state={status} />}
        lead={
          <>
            <Link to="/sweeps">Sweeps</Link>
            <span>
              {method}, {objectives.map(({ metric, goal }) => `${goal} ${metric}`).join(', ')}
            </span>
            {going ? <span>{live ? 'live' : 'connecting …'}</span> : <span>ended: {ended ?? 'no reason given'}</span>}
          </>
        }
        actions={going ? <SweepActions path={path} paused={sweep.paused} /> : undefined}
      />
      <div className="stack">
        {error === null ? null : (
          <div className="note bad break" role="alert">
            {error}
          </div>
        )}
        <SweepNumbers sweep={sweep} />
        {trials.length === 0 ? (
          <Empty title="No trial has begun yet" />
        ) : (
          <>
            <Card title="What led where">
              <SweepCoordinates sweep={sweep} chosen={chosen} onChoose={setChosen} />
            </Card>
            <SweepCharts sweep={sweep} />
            <Card title="Trials" flush>
              <TrialTable report={report} chosen={chosen} onChoose={setChosen} path={path} going={going} />
            </Card>
          </>
        )}
        {promotion?.model == null ? null : (
          <p>
            Its best trial went through the gate:{' '}
            <Link to={`/models/${encodeURIComponent(promotion.model.name)}`}>{promotion.model.name}</Link>
            {promotion.model.promoted
              ? ` version ${String(promotion.model.version)} is ${promotion.model.alias}.`
              : ' was not promoted.'}
          </p>
        )}
      </div>
    </>
  );
}

function SweepCharts({ sweep: { report, axes, importance, rungs } }: { readonly sweep: SweepAnswer }) {
  const { trials, best } = report;
  return (
    <div className="columns">
      <div className="stack">
        <Card title="Which setting matters">
          {importance === null ? (
            <Empty title="Too few results to tell">Eight trials with a result are needed.</Empty>
          ) : (
            <Bars
              label="Importance"
              max={1}
              bars={importance.map(({ name, share }) => ({ name, value: share, text: percent(share, 0) }))}
            />
          )}
        </Card>
        <Card title="How far trials were let go">
          <Rungs
            trials={trials.map(({ trial, epochs, state }) => ({ id: trial, epochs, state }))}
            judged={rungs.map(({ epoch }) => epoch)}
            best={best?.trial ?? null}
          />
        </Card>
      </div>
      <Card title="One setting against the result">
        <SweepScatter axes={axes} report={report} />
      </Card>
    </div>
  );
}

function SweepNumbers({ sweep: { report } }: { readonly sweep: SweepAnswer }) {
  const { trials, best, objectives } = report;
  const of = (state: string): number => trials.filter((trial) => trial.state === state).length;
  return (
    <Stats
      facts={[
        {
          label: `Best ${objectives[0]?.metric ?? 'result'}`,
          value: figure(best?.metric),
          note: best === null ? null : `trial ${String(best.trial)}`,
        },
        {
          label: 'Trials',
          value: count(trials.length),
          note: `${count(of('running'))} running, ${count(of('paused'))} paused`,
        },
        { label: 'Done', value: count(of('done')) },
        { label: 'Dropped', value: count(of('dropped')), note: `${count(of('failed'))} failed` },
        { label: 'Steps', value: count(trials.reduce((sum, { steps }) => sum + steps, 0)) },
        { label: 'Training', value: duration(trials.reduce((sum, { seconds }) => sum + seconds, 0)) },
      ]}
    />
  );
}

function SweepActions({ path, paused }: { readonly path: string; readonly paused: boolean }) {
  const change = `${path}/change`;
  return (
    <>
      {paused ? (
        <Action
          label="Go on"
          icon={<Play size={15} aria-hidden />}
          tone="primary"
          about="New trials are started again."
          path={change}
          body={() => ({ kind: 'resume' })}
          done="The sweep goes on."
        />
      ) : (
        <Action
          label="Pause"
          icon={<Pause size={15} aria-hidden />}
          about="What runs is finished; nothing new is started until it goes on."
          path={change}
          body={() => ({ kind: 'pause' })}
          done="The sweep pauses."
        />
      )}
      <Action
        label="Stop"
        icon={<Square size={15} aria-hidden />}
        tone="danger"
        about="Trials under way are stopped, and the best so far is the result."
        path={change}
        body={() => ({ kind: 'stop' })}
        done="The sweep stops."
      />
    </>
  );
}
