import { useState } from 'react';
import type { ModelDiff } from '../../../../../contracts/web.ts';
import { figure } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { Answered, Card, Empty } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface DiffProps {
  readonly path: string;
  readonly versions: readonly number[];
  readonly to: number;
}

/** A version beside another: figures, classes, settings. */
export function ModelDiffCard({ path, versions, to }: DiffProps) {
  const others = versions.filter((version) => version !== to);
  const [from, setFrom] = useState(others.find((version) => version < to) ?? others[0] ?? 0);
  const diff = useApi<ModelDiff>(`${path}/diff`, { query: { from, to }, enabled: from > 0 });
  return (
    <Card
      title={`Version ${String(to)} beside another`}
      actions={
        from === 0 ? undefined : (
          <label className="field">
            Beside
            <select
              value={from}
              onChange={(event) => {
                setFrom(Number(event.target.value));
              }}
            >
              {others.map((version) => (
                <option key={version}>{version}</option>
              ))}
            </select>
          </label>
        )
      }
      flush
    >
      {from === 0 ? (
        <Empty title="There is no other version" />
      ) : (
        <Answered of={diff}>{(data) => <DiffTables diff={data} />}</Answered>
      )}
    </Card>
  );
}

function DiffTables({ diff: { from, to, metrics, perClass, settings } }: { readonly diff: ModelDiff }) {
  const signed = (change: number): string => `${change >= 0 ? '+' : '−'}${figure(Math.abs(change))}`;
  const classes = perClass.filter((each) => each.from !== each.to).slice(0, 50);
  return (
    <Scroll label="Differences">
      <table>
        <TableHead columns={['What', `#Version ${String(from)}`, `#Version ${String(to)}`, '#Change']} />
        <tbody>
          {metrics.map((metric) => (
            <tr key={metric.name}>
              <td>{metric.name}</td>
              <td className="num">{figure(metric.from)}</td>
              <td className="num">{figure(metric.to)}</td>
              <td className="num">{signed(metric.to - metric.from)}</td>
            </tr>
          ))}
          {classes.map((each) => (
            <tr key={`class ${each.label}`}>
              <td className="break">F1 of {each.label}</td>
              <td className="num">{figure(each.from)}</td>
              <td className="num">{figure(each.to)}</td>
              <td className="num">{each.from === null || each.to === null ? '–' : signed(each.to - each.from)}</td>
            </tr>
          ))}
          {settings.map((setting) => (
            <tr key={`setting ${setting.key}`}>
              <td className="break">
                <code>{setting.key}</code>
              </td>
              <td className="num break">{setting.from}</td>
              <td className="num break">{setting.to}</td>
              <td />
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
