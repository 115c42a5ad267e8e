import { useQueryClient } from '@tanstack/react-query';
import { CircleAlert } from 'lucide-react';
import { useCallback } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Run as RunAnswer, RunEvent } from '../../../../contracts/web.ts';
import { useNow } from '../lib/clock.ts';
import { duration } from '../lib/format.ts';
import { useStream } from '../lib/live.ts';
import { useApi } from '../lib/queries.ts';
import { Decisions } from '../ui/approval-list.tsx';
import { Answered, Card, PageHead, When } from '../ui/parts.tsx';
import { Findings, Rules } from '../ui/rules.tsx';
import { secondsOf } from '../ui/run-lines.tsx';
import { StageGraph } from '../ui/stage-graph.tsx';
import { Status } from '../ui/status.tsx';
import { RunActions } from './run/actions.tsx';
import { RunCurves } from './run/curves.tsx';
import { RunDetails } from './run/details.tsx';
import { RunNumbers } from './run/numbers.tsx';

const kinds: readonly RunEvent['kind'][] = ['progress', 'metrics', 'away', 'gone', 'end'];

export function Run() {
  const { runId = '' } = useParams();
  const path = `/runs/${encodeURIComponent(runId)}`;
  const run = useApi<RunAnswer>(path);
  const live = useRunStream(path, isUnderWay(run.data?.live.status));
  return <Answered of={run}>{(data) => <RunParts run={data} live={live} path={path} />}</Answered>;
}

const isUnderWay = (status: string | undefined): boolean => status === 'running' || status === 'waiting-for-approval';

/** Puts what the stream says into what is known of the run, and has the rest asked for where it says there is more. */
function useRunStream(path: string, running: boolean): boolean {
  const client = useQueryClient();
  const onEvent = useCallback(
    (event: RunEvent) => {
      const key = [path, {}];
      if (event.kind === 'progress' || event.kind === 'end') {
        const before = client.getQueryData<RunAnswer>(key);
        client.setQueryData<RunAnswer>(key, (known) => known && { ...known, live: event.live });
        // Checkpoints, decisions and reports are not in the stream: they change when a stage does.
        if (event.kind === 'end' || changed(before, event.live)) void client.invalidateQueries({ queryKey: [path] });
      }
      if (event.kind === 'metrics' || event.kind === 'end') {
        void client.invalidateQueries({ queryKey: [`${path}/metrics`] });
        void client.invalidateQueries({ queryKey: [`${path}/log`] });
      }
    },
    [client, path],
  );
  return useStream<RunEvent>(running ? `${path}/stream` : null, kinds, onEvent);
}

const changed = (before: RunAnswer | undefined, live: RunAnswer['live']): boolean =>
  before !== undefined &&
  (before.live.status !== live.status ||
    before.live.training?.checkpoint?.step !== live.training?.checkpoint?.step ||
    before.live.stages.some(({ state }, index) => state !== live.stages[index]?.state));

interface PartsProps {
  readonly run: RunAnswer;
  readonly live: boolean;
  readonly path: string;
}

const tabs = [
  ['curves', 'Curves'],
  ['checkpoints', 'Checkpoints'],
  ['log', 'Log'],
  ['config', 'Config'],
] as const;

function RunParts({ run, live, path }: PartsProps) {
  const { row, approval, findings, gate, actions } = run;
  const [params] = useSearchParams();
  const tab = tabs.find(([name]) => name === params.get('tab'))?.[0] ?? 'curves';
  return (
    <>
      <PageHead
        title={row.runId}
        status={<Status state={approval === null ? row.status : 'waiting'} />}
        lead={<RunLead run={run} live={live} />}
        actions={<RunActions runId={row.runId} actions={actions} />}
      />
      <div className="stack">
        <RunNotes run={run} />
        <StageGraph stages={run.live.stages} waiting={approval !== null} />
        {approval === null ? null : (
          <Card title="A person is asked" actions={<Decisions approval={approval} />} flush>
            <Rules rules={approval.rules} />
          </Card>
        )}
        <RunNumbers run={run} />
        <nav className="tabs" aria-label="Parts of the run">
          {tabs.map(([name, word]) => (
            <Link key={name} to={`?tab=${name}`} replace aria-current={tab === name ? 'page' : undefined}>
              {word}
            </Link>
          ))}
          <Link to={`/runs/${row.runId}/evaluation`}>Evaluation</Link>
          <Link to={`/cache?run=${row.runId}`}>Cache</Link>
        </nav>
        {tab === 'curves' ? <RunCurves run={run} path={path} /> : <RunDetails tab={tab} run={run} path={path} />}
        <div className="columns">
          {gate.length === 0 || approval !== null ? null : (
            <Card title="What the gate said" flush>
              <Rules rules={gate} />
            </Card>
          )}
          {findings.length === 0 ? null : (
            <Card title="Worth knowing" flush>
              <Findings findings={findings} />
            </Card>
          )}
        </div>
      </div>
    </>
  );
}

function RunLead({ run: { row, report }, live }: { readonly run: RunAnswer; readonly live: boolean }) {
  const now = useNow();
  const model = report?.model;
  return (
    <>
      <span>
        began <When at={row.startedAt} />
        {row.requestedBy === null ? '' : `, asked by ${row.requestedBy}`}
      </span>
      <span>
        {row.endedAt === null ? 'for ' : 'took '}
        {duration(secondsOf(row, now))}
      </span>
      {model == null ? null : (
        <span>
          <Link to={`/models/${encodeURIComponent(model.name)}`}>{model.name}</Link>
          {model.version === null ? '' : ` version ${String(model.version)}`}
          {model.promoted ? `, ${model.alias}` : ', not promoted'}
        </span>
      )}
      {isUnderWay(row.status) ? <span>{live ? 'live' : 'connecting …'}</span> : null}
      {isUnderWay(row.status) ? null : (
        <a href={`/api/runs/${encodeURIComponent(row.runId)}/report`} target="_blank" rel="noreferrer">
          report
        </a>
      )}
    </>
  );
}

const RunNotes = ({ run: { live } }: { readonly run: RunAnswer }) => (
  <>
    {live.error === null ? null : (
      <div className="note bad" role="alert">
        <CircleAlert size={18} aria-hidden />
        <div className="break">
          <strong>{live.error.code}</strong>
          <p>{live.error.message}</p>
        </div>
      </div>
    )}
    {live.notice === null ? null : (
      <div className="note wait" role="status">
        <CircleAlert size={18} aria-hidden />
        <p className="break">{live.notice}</p>
      </div>
    )}
  </>
);
