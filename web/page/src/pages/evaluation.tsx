import { useState } from 'react';
import { Link, useParams } from 'react-router';
import type { ClassEvaluation, Evaluation as EvaluationAnswer, Headline } from '../../../../contracts/web.ts';
import { Confusion } from '../charts/confusion.tsx';
import type { Cell } from '../charts/confusion.tsx';
import { Reliability } from '../charts/reliability.tsx';
import { ApiProblem } from '../lib/api.ts';
import { figure, percent, plural } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, Stats } from '../ui/parts.tsx';
import { Findings } from '../ui/rules.tsx';
import { CellImages, ScoredPictures } from './evaluation/cell-images.tsx';
import { ClassCurves } from './evaluation/class-curves.tsx';
import { ClassTable } from './evaluation/class-table.tsx';
import { Detector } from './evaluation/detector.tsx';
import { PathSlices } from './evaluation/slices.tsx';

export function Evaluation() {
  const { runId = '' } = useParams();
  const path = `/runs/${encodeURIComponent(runId)}/evaluation`;
  const evaluation = useApi<EvaluationAnswer>(path);
  const none = evaluation.error instanceof ApiProblem && evaluation.error.code === 'RUN_NOT_EVALUATED';
  return (
    <>
      <PageHead title="Evaluation" lead={<Link to={`/runs/${runId}`}>{runId}</Link>} />
      {none ? (
        <Empty title="This run has not been evaluated yet">It is scored on its test images once it is trained.</Empty>
      ) : (
        <Answered of={evaluation}>
          {(data) =>
            data.task === 'detection' ? (
              <Detector evaluation={data} path={path} />
            ) : (
              <Parts evaluation={data} path={path} />
            )
          }
        </Answered>
      )}
    </>
  );
}

function Parts({ evaluation, path }: { readonly evaluation: ClassEvaluation; readonly path: string }) {
  const { classes, headline, champion, confusion, calibration, worst, findings, perClass } = evaluation;
  const [cell, setCell] = useState<Cell | null>(null);
  return (
    <div className="stack">
      <Headlines headline={headline} champion={champion?.headline ?? null} version={champion?.version ?? null} />
      <div className="columns">
        <Card title="What is taken for what">
          <Confusion classes={classes} cells={confusion} chosen={cell} onChoose={setCell} />
          <p className="small muted">A cell opens its images.</p>
        </Card>
        <ClassCurves path={path} classes={classes} />
      </div>
      {cell === null ? null : (
        <CellImages
          path={path}
          classes={classes}
          cell={cell}
          onClose={() => {
            setCell(null);
          }}
        />
      )}
      <Card title="Classes" flush>
        <ClassTable rows={perClass} version={champion?.version ?? null} />
      </Card>
      <PathSlices path={path} />
      <div className="columns">
        <Card
          title="The surest mistakes"
          actions={<span className="muted small">{plural(worst.length, 'image')}</span>}
        >
          {worst.length === 0 ? (
            <Empty title="It made none" />
          ) : (
            <ScoredPictures items={worst} label="The surest mistakes" />
          )}
        </Card>
        <Card title="Does it mean what it says?">
          {calibration === null ? (
            <Empty title="Its answers were not kept" />
          ) : (
            <Reliability calibration={calibration} />
          )}
          {champion?.calibration == null ? null : (
            <p className="small muted">
              The champion, version {champion.version}: {percent(champion.calibration.error)}.
            </p>
          )}
        </Card>
      </div>
      {findings.length === 0 ? null : (
        <Card title="Worth knowing" flush>
          <Findings findings={findings} />
        </Card>
      )}
    </div>
  );
}

interface HeadlinesProps {
  readonly headline: Headline;
  readonly champion: Headline | null;
  readonly version: number | null;
}

function Headlines({ headline, champion, version }: HeadlinesProps) {
  const beside = (name: keyof Headline, show: (value: number) => string): string | null => {
    if (champion === null || version === null) return null;
    const change = headline[name] - champion[name];
    return `champion v${String(version)}: ${show(champion[name])} (${change >= 0 ? '+' : '−'}${show(Math.abs(change))})`;
  };
  const share = (value: number): string => percent(value, 2);
  const plain = (value: number): string => figure(value, 3);
  return (
    <Stats
      facts={[
        { label: 'Accuracy', value: share(headline.accuracy), note: beside('accuracy', share) },
        { label: 'Macro F1', value: plain(headline.macroF1), note: beside('macroF1', plain) },
        { label: 'Macro precision', value: plain(headline.macroPrecision), note: beside('macroPrecision', plain) },
        { label: 'Macro recall', value: plain(headline.macroRecall), note: beside('macroRecall', plain) },
        { label: 'Loss', value: figure(headline.loss), note: beside('loss', (value) => figure(value)) },
        { label: 'Top 5', value: percent(headline.top5, 1) },
        { label: 'Test images', value: headline.images.toLocaleString('en-GB') },
      ]}
    />
  );
}
