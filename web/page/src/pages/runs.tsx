import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { RunRow, Runs as RunsAnswer } from '../../../../contracts/web.ts';
import { getJson, isPassing } from '../lib/api.ts';
import { useNow } from '../lib/clock.ts';
import { count, duration, percent, plural } from '../lib/format.ts';
import { CALM_MS } from '../lib/queries.ts';
import { useSettled } from '../lib/settled.ts';
import { Answered, Card, Empty, PageHead, When } from '../ui/parts.tsx';
import { secondsOf } from '../ui/run-lines.tsx';
import { Status } from '../ui/status.tsx';
import { VirtualRows } from '../ui/virtual-rows.tsx';
import type { Column } from '../ui/virtual-rows.tsx';

const states = ['running', 'waiting-for-approval', 'completed', 'failed', 'cancelled'];
const PAGE = 200;

export function Runs() {
  const [params, setParams] = useSearchParams();
  const [typed, setTyped] = useState(params.get('search') ?? '');
  const search = useSettled(typed, 250);
  const status = params.get('status') ?? '';
  const runs = useRuns(status, search);
  const rows = runs.data?.pages.flatMap((page) => page.runs) ?? [];
  const total = runs.data?.pages[0]?.total ?? 0;
  const { fetchNextPage, isFetchingNextPage } = runs;
  const onNearEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  return (
    <>
      <PageHead
        title="Runs"
        status={runs.data === undefined ? null : <span className="muted">{plural(total, 'run')}</span>}
      />
      <Filters
        typed={typed}
        status={status}
        onType={setTyped}
        onStatus={(next) => {
          setParams(next === '' ? {} : { status: next }, { replace: true });
        }}
      />
      <Card title={rows.length < total ? `The newest ${count(rows.length)} of ${count(total)}` : 'All'} flush>
        <Answered of={runs}>
          {() =>
            rows.length === 0 ? (
              <Empty title="No run like that" />
            ) : (
              <VirtualRows
                label="Runs"
                columns={columns}
                rows={rows}
                total={total}
                keyOf={(run) => run.runId}
                onNearEnd={onNearEnd}
              />
            )
          }
        </Answered>
      </Card>
    </>
  );
}

interface FiltersProps {
  readonly typed: string;
  readonly status: string;
  readonly onType: (text: string) => void;
  readonly onStatus: (status: string) => void;
}

const Filters = ({ typed, status, onType, onStatus }: FiltersProps) => (
  <div className="row filters">
    <label className="field">
      Find
      <input
        type="search"
        value={typed}
        placeholder="a part of its id, or who asked"
        size={28}
        onChange={(event) => {
          onType(event.target.value);
        }}
      />
    </label>
    <label className="field">
      Status
      <select
        value={status}
        onChange={(event) => {
          onStatus(event.target.value);
        }}
      >
        <option value="">all</option>
        {states.map((state) => (
          <option key={state}>{state}</option>
        ))}
      </select>
    </label>
  </div>
);

/** The first page's; said so, as later ones are text. */
const noCursor = (): string | null => null;

const useRuns = (status: string, search: string) =>
  useInfiniteQuery({
    queryKey: ['/runs', { status, search }],
    queryFn: ({ pageParam, signal }) =>
      getJson<RunsAnswer>('/runs', { status, search, limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: noCursor(),
    getNextPageParam: (last) => last.cursor,
    placeholderData: (before) => before,
    // Whoever has gone deep is left in peace: only the first pages are asked for again.
    refetchInterval: (query) =>
      isPassing(query.state.error) ? 2_000 : (query.state.data?.pages.length ?? 1) > 2 ? false : CALM_MS,
  });

function Lasting({ run }: { readonly run: RunRow }) {
  const now = useNow();
  return <>{duration(secondsOf(run, now))}</>;
}

const columns: readonly Column<RunRow>[] = [
  {
    name: 'Status',
    width: '136px',
    cell: ({ status }) => (
      <Status state={status} {...(status === 'waiting-for-approval' ? { word: 'Asks a person' } : {})} />
    ),
  },
  {
    name: 'Run',
    width: 'minmax(0, 3fr)',
    cell: ({ runId }) => (
      <Link to={`/runs/${runId}`} title={runId}>
        {runId}
      </Link>
    ),
  },
  { name: 'Accuracy', width: '76px', numeric: true, cell: ({ accuracy }) => percent(accuracy) },
  {
    name: 'Version',
    width: '112px',
    wideOnly: true,
    cell: ({ version, promoted }) => (version === null ? '–' : `${String(version)}${promoted ? ', promoted' : ''}`),
  },
  { name: 'Asked by', width: 'minmax(0, 1fr)', wideOnly: true, cell: ({ requestedBy }) => requestedBy ?? '–' },
  { name: 'Took', width: '92px', numeric: true, wideOnly: true, cell: (run) => <Lasting run={run} /> },
  { name: 'Began', width: '120px', numeric: true, wideOnly: true, cell: ({ startedAt }) => <When at={startedAt} /> },
];
