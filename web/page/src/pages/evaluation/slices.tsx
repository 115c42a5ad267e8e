import { useState } from 'react';
import type { AttributeSlice, PathSlice, Slices as SlicesAnswer } from '../../../../../contracts/web.ts';
import { count, figure, percent, plural } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { useFirst } from '../../ui/first-of.tsx';
import { Answered, Card, Empty } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

/** With fewer test images a share says little. */
const FEW = 30;

/** Parts of the test set, as the gate's expression names them or another that is typed. */
export function PathSlices({ path }: { readonly path: string }) {
  const [by, setBy] = useState('');
  const [typed, setTyped] = useState<string | null>(null);
  const slices = useApi<SlicesAnswer>(`${path}/slices`, { query: { by } });
  const named = slices.data?.kind === 'paths' ? (slices.data.by ?? '') : by;
  return (
    <Card
      title="Slices"
      actions={
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            setBy(typed ?? named);
          }}
        >
          <label className="field">
            By the paths
            <input
              value={typed ?? named}
              maxLength={200}
              placeholder="(day|night)"
              spellCheck={false}
              onChange={(event) => {
                setTyped(event.target.value);
              }}
            />
          </label>
          <button type="submit">Show</button>
        </form>
      }
      flush
    >
      <Answered of={slices}>{(data) => (data.kind === 'attributes' ? null : <PathTable answer={data} />)}</Answered>
    </Card>
  );
}

function PathTable({ answer }: { readonly answer: Extract<SlicesAnswer, { kind: 'paths' }> }) {
  const { slices, total, unmatched, by, championVersion } = answer;
  if (slices.length === 0) {
    return by === null ? (
      <Empty title="Nobody has named any">
        The first group of an expression over the paths names them; <code>promote.gate.noSliceWorse</code> watches them.
      </Empty>
    ) : (
      <Empty title="Its answers were not kept" />
    );
  }
  return (
    <>
      <Scroll label="Figures of each slice">
        <table>
          <TableHead
            columns={[
              ...['Slice', '#Images', '#Accuracy', '#95 %'],
              ...(championVersion === null ? [] : [`#Champion v${String(championVersion)}`, '#Change']),
            ]}
          />
          <tbody>
            {slices.map((row) => (
              <PathRow key={row.slice} row={row} beside={championVersion !== null} />
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="why small muted">
        {total > slices.length ? `The first ${count(slices.length)} of ${count(total)}. ` : ''}
        {unmatched === 0 ? 'Every test image is in one.' : `${plural(unmatched, 'test image')} in none.`}
      </p>
    </>
  );
}

function PathRow({ row, beside }: { readonly row: PathSlice; readonly beside: boolean }) {
  const { slice, images, accuracy, low, high, champion } = row;
  return (
    <tr>
      <td className="break">{slice}</td>
      <td className="num">
        {count(images)}
        {images < FEW ? ' (few)' : ''}
      </td>
      <td className="num">{percent(accuracy)}</td>
      <td className="num">
        {percent(low)} to {percent(high)}
      </td>
      {beside ? (
        <>
          <td className="num">{percent(champion)}</td>
          <td className="num">{champion === null ? '–' : signed(accuracy - champion)}</td>
        </>
      ) : null}
    </tr>
  );
}

const signed = (change: number): string => `${change < 0 ? '−' : '+'}${percent(Math.abs(change))}`;

/** A detector's mAP by what is known of its pictures: weather, scene, time of day. */
export function AttributeSlices({ path }: { readonly path: string }) {
  const slices = useApi<SlicesAnswer>(`${path}/slices`);
  return (
    <Card title="Slices" flush>
      <Answered of={slices}>
        {(data) =>
          data.kind === 'attributes' && data.slices.length > 0 ? (
            <AttributeTable rows={data.slices} version={data.championVersion} />
          ) : (
            <Empty title="There are none">
              Pictures with attributes, as BDD100K’s have weather, scene and time of day, are told apart here.
            </Empty>
          )
        }
      </Answered>
    </Card>
  );
}

interface AttributeProps {
  readonly rows: readonly AttributeSlice[];
  readonly version: number | null;
}

/** −1 stands for nothing to measure. */
const share = (value: number | undefined): string => (value === undefined || value < 0 ? '–' : figure(value, 3));

function AttributeTable({ rows, version }: AttributeProps) {
  const [shown, more] = useFirst(rows, 100);
  return (
    <>
      <Scroll label="Figures of each slice">
        <table>
          <TableHead
            columns={[
              ...['Attribute', 'Value', '#Images', '#Objects', '#AP .5', '#AP .5–.95'],
              ...(version === null ? [] : [`#AP .5 of champion v${String(version)}`]),
            ]}
          />
          <tbody>
            {shown.map((row) => (
              <tr key={`${row.attribute} ${row.value}`}>
                <td className="break">{row.attribute}</td>
                <td className="break">{row.value}</td>
                <td className="num">{count(row.images)}</td>
                <td className="num">{count(row.objects)}</td>
                <td className="num">{share(row.AP50)}</td>
                <td className="num">{share(row.AP)}</td>
                {version === null ? null : <td className="num">{share(row.champion?.AP50)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {more === null ? null : <div className="table-foot">{more}</div>}
    </>
  );
}
