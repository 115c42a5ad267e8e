import { useState } from 'react';
import type { DatasetDiffView } from '../../../../../contracts/web.ts';
import { count, shortHash } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { Answered, Card, Empty, Stats } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface ChangesProps {
  readonly path: string;
  readonly version: string;
  readonly versions: readonly string[];
}

const kinds = ['added', 'removed', 'relabelled', 'moved', 'changed'] as const;

/** What is not as it was in another version. */
export function Changes({ path, version, versions }: ChangesProps) {
  const others = versions.filter((each) => each !== version);
  const [chosen, setChosen] = useState<string | null>(null);
  const from = chosen ?? versions[versions.indexOf(version) + 1] ?? others[0] ?? '';
  const diff = useApi<DatasetDiffView>(`${path}/diff`, { query: { from }, enabled: from !== '' });
  if (from === '') {
    return (
      <Card title="Changes">
        <Empty title="There is no other version to compare with" />
      </Card>
    );
  }
  return (
    <Card
      title="Since another version"
      actions={
        <label className="field">
          Since
          <select
            value={from}
            onChange={(event) => {
              setChosen(event.target.value);
            }}
          >
            {others.map((each) => (
              <option key={each} value={each}>
                {shortHash(each)}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <Answered of={diff}>{(data) => <Diff diff={data} />}</Answered>
    </Card>
  );
}

const Diff = ({ diff }: { readonly diff: DatasetDiffView }) => (
  <div className="stack">
    <Stats
      facts={[
        { label: 'the same', value: count(diff.same) },
        ...kinds.map((kind) => ({ label: kind, value: count(diff[kind].total) })),
      ]}
    />
    <div className="columns">
      <div>
        <h3>Images of each class</h3>
        <Scroll label="Images of each class, before and after">
          <table>
            <TableHead columns={['Class', '#Before', '#After']} />
            <tbody>
              {diff.classes.map(({ label, before, after }) => (
                <tr key={label}>
                  <td className="break">{label}</td>
                  <td className="num">{count(before)}</td>
                  <td className="num">{count(after)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </div>
      {kinds
        .filter((kind) => diff[kind].total > 0)
        .map((kind) => (
          <div key={kind}>
            <h3>{kind}</h3>
            <Scroll label={kind}>
              <ul className="small">
                {diff[kind].paths.map((each) => (
                  <li key={each} className="break">
                    {each}
                  </li>
                ))}
              </ul>
            </Scroll>
          </div>
        ))}
    </div>
  </div>
);
