import { useState } from 'react';
import type { ClassRow } from '../../../../../contracts/web.ts';
import { count, figure } from '../../lib/format.ts';
import { useFirst } from '../../ui/first-of.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

const orders = {
  'as they are': (a: ClassRow, b: ClassRow) => a.index - b.index,
  'worst F1 first': (a: ClassRow, b: ClassRow) => a.f1 - b.f1,
  'rarest first': (a: ClassRow, b: ClassRow) => a.support - b.support,
  'lost most to the champion': (a: ClassRow, b: ClassRow) => lost(b) - lost(a),
} as const;
type Order = keyof typeof orders;

const lost = ({ f1, champion }: ClassRow): number => (champion === null ? 0 : champion.f1 - f1);
const isOrder = (text: string): text is Order => text in orders;

/** A thousand classes are nothing to read through: so many are shown until all are asked for. */
const AT_FIRST = 100;

export function ClassTable({ rows, version }: { readonly rows: readonly ClassRow[]; readonly version: number | null }) {
  const [order, setOrder] = useState<Order>('as they are');
  const sorted = [...rows].sort((a, b) => orders[order](a, b) || a.index - b.index);
  const [shown, more] = useFirst(sorted, AT_FIRST);
  return (
    <>
      <div className="row table-head">
        <label className="field">
          Order
          <select
            value={order}
            onChange={(event) => {
              if (isOrder(event.target.value)) setOrder(event.target.value);
            }}
          >
            {Object.keys(orders).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {more}
      </div>
      <Scroll label="Figures of each class">
        <table>
          <TableHead
            columns={[
              ...['Class', '#Images', '#Precision', '#Recall', '#F1'],
              ...(version === null ? [] : [`#F1 of champion v${String(version)}`]),
            ]}
          />
          <tbody>
            {shown.map((row) => (
              <tr key={row.index}>
                <td className="break">{row.label}</td>
                <td className="num">{count(row.support)}</td>
                <td className="num">{figure(row.precision, 3)}</td>
                <td className="num">{figure(row.recall, 3)}</td>
                <td className="num">{figure(row.f1, 3)}</td>
                {version === null ? null : <td className="num">{figure(row.champion?.f1, 3)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}
