import { Fragment } from 'react';
import type { StageName } from '../../../../contracts/manifests.ts';
import type { StageSummary } from '../../../../contracts/run.ts';
import { duration } from '../lib/format.ts';
import { Status } from './status.tsx';
import './stage-graph.css';

const order: readonly (readonly [StageName, string])[] = [
  ['ingest', 'Ingest'],
  ['validate', 'Validate'],
  ['split', 'Split'],
  ['prepare', 'Prepare'],
  ['train', 'Train'],
  ['evaluate', 'Evaluate'],
  ['gate', 'Gate'],
  ['promote', 'Promote'],
];

interface GraphProps {
  readonly stages: readonly StageSummary[];
  /** Under way, or where it ended. */
  readonly current: StageName | null;
  readonly status: string;
  readonly waiting: boolean;
}

/** The eight stages in their order: done or taken from the cache, under way, failed, or still to come. */
export function StageGraph({ stages, current, status, waiting }: GraphProps) {
  return (
    <ol className="stage-graph">
      {order.map(([name, word], index) => {
        const done = stages.find((stage) => stage.name === name);
        const state = done
          ? done.cached
            ? 'cached'
            : 'done'
          : name === current
            ? stateOf(status, waiting)
            : 'pending';
        return (
          <Fragment key={name}>
            {index === 0 ? null : <li aria-hidden className="stage-arrow" />}
            <li className={`stage stage-${state}`}>
              <span className="row">
                <strong>{word}</strong>
                <span className="muted small stage-time">{done && !done.cached ? duration(done.seconds) : ''}</span>
              </span>
              <Status state={state} {...(state === 'waiting' ? { word: 'Waits' } : {})} />
              <span className="small muted break">{done?.summary ?? ''}</span>
            </li>
          </Fragment>
        );
      })}
    </ol>
  );
}

const stateOf = (status: string, waiting: boolean): string =>
  waiting
    ? 'waiting'
    : status === 'failed' || status === 'cancelled'
      ? status
      : status === 'running'
        ? 'running'
        : 'pending';
