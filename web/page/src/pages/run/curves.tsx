import { useMemo, useState } from 'react';
import type { Run, RunMetrics, Series } from '../../../../../contracts/web.ts';
import { Curve } from '../../charts/curve.tsx';
import type { CurveLine } from '../../charts/curve.tsx';
import { count } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { positive, smooth } from '../../lib/series.ts';
import { Answered, Card, Empty } from '../../ui/parts.tsx';

interface View {
  readonly smoothing: number;
  readonly logY: boolean;
  readonly logX: boolean;
}

/** Loss, accuracy and learning rate against the step; new points come while it trains. */
export function RunCurves({ run, path }: { readonly run: Run; readonly path: string }) {
  const [view, setView] = useState<View>({ smoothing: 0.6, logY: false, logX: false });
  // The stream says when there is more; this is for when it can't be kept open.
  const metrics = useApi<RunMetrics>(`${path}/metrics`, {
    query: { points: 2_000 },
    everyMs: run.live.status === 'running' ? 10_000 : false,
    keep: true,
  });
  return (
    <Answered of={metrics}>
      {(data) =>
        data.series.length === 0 ? (
          <Card title="Curves">
            <Empty title="No step has been taken yet">Curves appear with the first steps of the training.</Empty>
          </Card>
        ) : (
          <>
            <Controls view={view} onChange={setView} />
            <Charts data={data} run={run} view={view} />
          </>
        )
      }
    </Answered>
  );
}

function Controls({ view, onChange }: { readonly view: View; readonly onChange: (view: View) => void }) {
  return (
    <div className="row">
      <label className="field">
        Smoothing
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={view.smoothing}
          onChange={(event) => {
            onChange({ ...view, smoothing: Number(event.target.value) });
          }}
        />
        <output>{view.smoothing.toFixed(2)}</output>
      </label>
      <Axes
        name="Loss"
        log={view.logY}
        onChange={(logY) => {
          onChange({ ...view, logY });
        }}
      />
      <Axes
        name="Steps"
        log={view.logX}
        onChange={(logX) => {
          onChange({ ...view, logX });
        }}
      />
      <span className="muted small">Drag over a chart to look closer, double-click to go back.</span>
    </div>
  );
}

function Axes({
  name,
  log,
  onChange,
}: {
  readonly name: string;
  readonly log: boolean;
  readonly onChange: (log: boolean) => void;
}) {
  return (
    <span className="field" role="group" aria-label={`${name} axis`}>
      {name}
      <span className="switch">
        {[false, true].map((each) => (
          <button
            key={String(each)}
            type="button"
            aria-pressed={log === each}
            onClick={() => {
              onChange(each);
            }}
          >
            {each ? 'log' : 'linear'}
          </button>
        ))}
      </span>
    </span>
  );
}

const named = (data: RunMetrics, name: string): Series | undefined =>
  data.series.find((series) => series.name === name);

function lineOf(series: Series | undefined, label: string, colour: number, log: boolean): CurveLine[] {
  return series === undefined ? [] : [{ label, x: series.x, y: log ? positive(series.y) : series.y, colour }];
}

/** The lines of each chart. */
function linesOf(data: RunMetrics, { logY, smoothing }: View) {
  const step = named(data, 'loss.step');
  const smoothed = step === undefined ? [] : smooth(step.y, smoothing);
  const batch: CurveLine[] =
    step === undefined || smoothing === 0
      ? []
      : [{ label: 'batch', x: step.x, y: logY ? positive(step.y) : step.y, colour: 1, faint: true }];
  return {
    step,
    steps:
      step === undefined
        ? []
        : [...batch, { label: 'smoothed', x: step.x, y: logY ? positive(smoothed) : smoothed, colour: 1 }],
    losses: [
      ...lineOf(named(data, 'loss.train'), 'training', 1, logY),
      ...lineOf(named(data, 'loss.validation'), 'validation', 2, logY),
    ],
    accuracies: [
      ...lineOf(named(data, 'accuracy.train'), 'training', 1, false),
      ...lineOf(named(data, 'accuracy.validation'), 'validation', 2, false),
    ],
    rates: lineOf(named(data, 'learningRate'), 'learning rate', 3, logY),
  };
}

function Charts({ data, run, view }: { readonly data: RunMetrics; readonly run: Run; readonly view: View }) {
  const { logX, logY } = view;
  // The same objects while nothing has changed, so that a step that is told of redraws no chart.
  const { step, steps, losses, accuracies, rates } = useMemo(() => linesOf(data, view), [data, view]);
  const marks = useMemo(() => run.checkpoints.map((checkpoint) => checkpoint.step), [run.checkpoints]);
  const shared = { xLabel: 'step', logX };
  const thinned =
    step !== undefined && step.total > step.x.length
      ? `${count(step.x.length)} of ${count(step.total)} points`
      : undefined;
  return (
    <div className="columns">
      <Card
        title="Loss of each step"
        actions={thinned === undefined ? undefined : <span className="muted small">{thinned}</span>}
      >
        <Curve title="Loss of each step" lines={steps} logY={logY} marks={marks} {...shared} />
        {marks.length === 0 ? null : <p className="small muted">◇ a checkpoint that is kept</p>}
      </Card>
      <Card title="Loss of each epoch">
        <Curve title="Loss of each epoch" lines={losses} logY={logY} {...shared} />
      </Card>
      <Card title="Accuracy of each epoch">
        <Curve title="Accuracy of each epoch" lines={accuracies} {...shared} />
      </Card>
      <Card title="Learning rate">
        <Curve title="Learning rate" lines={rates} logY={logY} {...shared} />
      </Card>
    </div>
  );
}
