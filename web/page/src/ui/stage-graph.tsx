import { Fragment } from 'react';
import type { StageView } from '../../../../contracts/web.ts';
import { duration, percent } from '../lib/format.ts';
import { Meter } from './parts.tsx';
import { Status } from './status.tsx';
import './stage-graph.css';

interface GraphProps {
  readonly stages: readonly StageView[];
  /** Whether a person is asked before the last stage. */
  readonly waiting: boolean;
}

/** The stages in their order: done or taken from the cache, under way, failed, or still to come. */
export const StageGraph = ({ stages, waiting }: GraphProps) => (
  // On a narrow window it scrolls, which the arrow keys must reach.
  <div className="stage-scroll" role="region" aria-label="Stages" tabIndex={0}>
    <ol className="stage-graph">
      {stages.map((stage, index) => (
        <Fragment key={stage.name}>
          {index === 0 ? null : <li aria-hidden className="stage-arrow" />}
          <Stage stage={stage} waiting={waiting && stage.name === 'promote' && stage.state === 'waiting'} />
        </Fragment>
      ))}
    </ol>
  </div>
);

function Stage({ stage, waiting }: { readonly stage: StageView; readonly waiting: boolean }) {
  const { name, state, seconds, summary, done, attempt, problem } = stage;
  const shown = waiting ? 'waiting' : state === 'waiting' ? 'pending' : state;
  return (
    <li className={`stage stage-${shown}`}>
      <span className="row">
        <strong className="stage-name">{name}</strong>
        <span className="muted small">{seconds === null || state === 'cached' ? '' : duration(seconds)}</span>
      </span>
      <Status state={shown} {...(waiting ? { word: 'Asks you' } : {})} />
      {state === 'running' && done !== null ? <Meter share={done} label={`${name}: ${percent(done)}`} /> : null}
      {summary === null ? null : <span className="small muted break">{summary}</span>}
      {attempt !== null && attempt > 1 ? <span className="small">try {attempt}</span> : null}
      {problem === null ? null : <span className="small stage-problem break">{problem}</span>}
    </li>
  );
}
