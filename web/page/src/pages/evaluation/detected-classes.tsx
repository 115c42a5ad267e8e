import type { DetectedClassRow } from '../../../../../contracts/web.ts';
import { count, figure } from '../../lib/format.ts';
import { useFirst } from '../../ui/first-of.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface DetectedProps {
  readonly rows: readonly DetectedClassRow[];
  readonly version: number | null;
}

/** Average precision of each class; −1 stands for a class without objects. */
const share = (value: number | undefined): string => (value === undefined || value < 0 ? '–' : figure(value, 3));

export function DetectedClasses({ rows, version }: DetectedProps) {
  const [shown, more] = useFirst(rows, 100);
  return (
    <>
      <Scroll label="Figures of each class">
        <table>
          <TableHead
            columns={[
              ...['Class', '#Objects', '#Detections', '#AP .5', '#AP .75', '#AP .5–.95', '#Recall'],
              ...(version === null ? [] : [`#AP .5 of champion v${String(version)}`]),
            ]}
          />
          <tbody>
            {shown.map((row) => (
              <tr key={row.index}>
                <td className="break">{row.label}</td>
                <td className="num">{count(row.objects)}</td>
                <td className="num">{count(row.detections)}</td>
                <td className="num">{share(row.AP50)}</td>
                <td className="num">{share(row.AP75)}</td>
                <td className="num">{share(row.AP)}</td>
                <td className="num">{share(row.AR100)}</td>
                {version === null ? null : <td className="num">{share(row.champion?.AP50)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {more === null ? null : <div className="row table-foot">{more}</div>}
    </>
  );
}
