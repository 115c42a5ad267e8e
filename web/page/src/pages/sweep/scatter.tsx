import { useState } from 'react';
import type { SweepReport } from '../../../../../contracts/sweep.ts';
import type { SweepAxis } from '../../../../../contracts/web.ts';
import { Curve } from '../../charts/curve.tsx';
import { figure } from '../../lib/format.ts';
import { Empty } from '../../ui/parts.tsx';
import { plain } from './values.ts';
import { TableHead } from '../../ui/table-head.tsx';

/** A setting against what trials came to. Of choices the best result of each. */
export function SweepScatter({ axes, report }: { readonly axes: readonly SweepAxis[]; readonly report: SweepReport }) {
  const [name, setName] = useState(axes[0]?.name ?? '');
  const axis = axes.find((each) => each.name === name) ?? axes[0];
  if (axis === undefined) return <Empty title="Nothing is searched" />;
  return (
    <div className="stack">
      <label className="field">
        Setting
        <select
          value={axis.name}
          onChange={(event) => {
            setName(event.target.value);
          }}
        >
          {axes.map((each) => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
      </label>
      {axis.scale === 'category' ? <Choices axis={axis} report={report} /> : <Points axis={axis} report={report} />}
    </div>
  );
}

function Points({ axis, report }: { readonly axis: SweepAxis; readonly report: SweepReport }) {
  const points = report.trials
    .flatMap(({ values, metric }) => {
      const value = values[axis.name];
      return typeof value === 'number' && metric !== null ? [[value, metric] as const] : [];
    })
    .sort((a, b) => a[0] - b[0]);
  if (points.length === 0) return <Empty title="No result yet" />;
  const label = report.objectives[0]?.metric ?? 'result';
  const line = { label, x: points.map(([x]) => x), y: points.map(([, y]) => y), colour: 1, points: true };
  return (
    <Curve
      title={`${label} against ${axis.name}`}
      lines={[line]}
      xLabel={axis.name}
      logX={axis.scale === 'log'}
      height={220}
    />
  );
}

function Choices({ axis, report }: { readonly axis: SweepAxis; readonly report: SweepReport }) {
  const better = report.objectives[0]?.goal === 'maximize' ? Math.max : Math.min;
  const best = new Map<string, { readonly value: number; readonly trials: number }>();
  for (const { values, metric } of report.trials) {
    if (metric === null) continue;
    const choice = String(plain(values[axis.name]));
    const known = best.get(choice);
    best.set(choice, { value: known ? better(known.value, metric) : metric, trials: (known?.trials ?? 0) + 1 });
  }
  return (
    <table>
      <TableHead columns={[axis.name, '#Trials', '#Best']} />
      <tbody>
        {[...best].map(([choice, { value, trials }]) => (
          <tr key={choice}>
            <td className="break">{choice}</td>
            <td className="num">{trials}</td>
            <td className="num">{figure(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
