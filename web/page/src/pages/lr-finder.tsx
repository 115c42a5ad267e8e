import { useState } from 'react';
import type { LrFind, LrFinds } from '../../../../contracts/web.ts';
import { Curve } from '../charts/curve.tsx';
import { moment, short } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, Stats } from '../ui/parts.tsx';

const names = ['valley', 'slide', 'steep', 'minimum'] as const;

export function LrFinder() {
  const list = useApi<LrFinds>('/lr-finds');
  const [chosen, setChosen] = useState<string | null>(null);
  const id = chosen ?? list.data?.results[0]?.id ?? '';
  const found = useApi<LrFind>(`/lr-finds/${encodeURIComponent(id)}`, { enabled: id !== '' });
  return (
    <>
      <PageHead
        title="LR finder"
        lead="The loss as the learning rate rises: a good one lies where it falls fastest, before it climbs."
      />
      <Answered of={list}>
        {({ results }) =>
          results.length === 0 ? (
            <Card title="Range test">
              <Empty title="No range test has been kept yet">
                <code>graft lr-find FILE</code> makes one.
              </Empty>
            </Card>
          ) : (
            <div className="stack">
              <label className="field">
                Test
                <select
                  value={id}
                  onChange={(event) => {
                    setChosen(event.target.value);
                  }}
                >
                  {results.map((result) => (
                    <option key={result.id} value={result.id}>
                      {result.name}, {moment(new Date(result.createdAt))}
                    </option>
                  ))}
                </select>
              </label>
              <Answered of={found}>{(data) => <Found find={data} />}</Answered>
            </div>
          )
        }
      </Answered>
    </>
  );
}

function Found({ find: { name, backbone, strategy, suggestions, curve } }: { readonly find: LrFind }) {
  return (
    <div className="stack">
      <Stats
        facts={[
          ...names.map((key) => ({ label: key, value: short(suggestions[key]) })),
          { label: 'Network', value: backbone, note: strategy },
        ]}
      />
      <Card title={name}>
        <Curve
          title={`Smoothed loss of ${name} against the learning rate`}
          lines={[
            { label: 'smoothed loss', x: curve.map(([rate]) => rate), y: curve.map(([, loss]) => loss), colour: 1 },
          ]}
          rules={names.map((key) => ({ x: suggestions[key], name: key }))}
          xLabel="learning rate"
          logX
          height={340}
        />
      </Card>
    </div>
  );
}
