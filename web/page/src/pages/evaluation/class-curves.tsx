import { useMemo, useState } from 'react';
import type { Curves } from '../../../../../contracts/web.ts';
import { Curve } from '../../charts/curve.tsx';
import type { CurveLine } from '../../charts/curve.tsx';
import { count, figure } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { Answered, Card } from '../../ui/parts.tsx';

type CurvePoints = Curves['precisionRecall'];

/** Precision against recall, and true against false positives: of all classes at once, or of one. */
export function ClassCurves({ path, classes }: { readonly path: string; readonly classes: readonly string[] }) {
  const [chosen, setChosen] = useState('');
  const curves = useApi<Curves>(`${path}/curves`, { query: { class: chosen }, keep: true });
  return (
    <Card
      title="Precision and recall"
      actions={
        <label className="field">
          Class
          <select
            value={chosen}
            onChange={(event) => {
              setChosen(event.target.value);
            }}
          >
            <option value="">all</option>
            {classes.map((label, index) => (
              <option key={index} value={index}>
                {label}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <Answered of={curves}>
        {({ precisionRecall, roc, champion, positives }) => (
          <div className="stack">
            <Pair
              title="Precision against recall"
              xLabel="recall"
              own={precisionRecall}
              other={champion?.precisionRecall}
              area="average precision"
            />
            {roc === null ? null : (
              <Pair
                title="True against false positives"
                xLabel="false positive rate"
                own={roc}
                other={champion?.roc ?? undefined}
                area="area under the ROC curve"
              />
            )}
            <p className="small muted">
              {roc === null
                ? `${count(positives)} objects; at an overlap of one half.`
                : `${count(positives)} positives.`}
            </p>
          </div>
        )}
      </Answered>
    </Card>
  );
}

interface PairProps {
  readonly title: string;
  readonly xLabel: string;
  readonly own: CurvePoints;
  readonly other: CurvePoints | undefined;
  readonly area: string;
}

function Pair({ title, xLabel, own, other, area }: PairProps) {
  const lines = useMemo(
    (): CurveLine[] => [
      lineOf('this run', own, 1),
      ...(other === undefined ? [] : [{ ...lineOf('champion', other, 2), dashed: true }]),
    ],
    [own, other],
  );
  return (
    <div>
      <h3>
        {title} · {area} {figure(own.area)}
        {other === undefined ? '' : `, champion ${figure(other.area)}`}
      </h3>
      <Curve
        title={title}
        lines={lines}
        xLabel={xLabel}
        height={190}
        yRange={unit}
        xRange={unit}
        legend={other !== undefined}
      />
    </div>
  );
}

const unit = [0, 1.02] as const;

/** By x, as a chart wants them; of points above each other the last one stands. */
function lineOf(label: string, { points }: CurvePoints, colour: number): CurveLine {
  const sorted = [...points].sort((a, b) => a[0] - b[0]);
  return { label, x: sorted.map(([x]) => x), y: sorted.map(([, y]) => y), colour };
}
