import type { Dataset, DatasetItems } from '../../../../../contracts/web.ts';
import { count, plural } from '../../lib/format.ts';
import { imageUrl } from '../../lib/images.ts';
import { useApi } from '../../lib/queries.ts';
import { Card, Empty } from '../../ui/parts.tsx';
import { Pictures } from '../../ui/pictures.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

export function Quarantine({ dataset: { quarantine } }: { readonly dataset: Dataset }) {
  const { total, items } = quarantine;
  return (
    <Card
      title="Left out, and why"
      actions={items.length < total ? <Cut shown={items.length} total={total} /> : undefined}
      flush
    >
      {total === 0 ? (
        <Empty title="Every file was usable" />
      ) : (
        <Scroll label="Quarantined files">
          <table>
            <TableHead columns={['File', 'Code', 'Why']} />
            <tbody>
              {items.map(({ path, code, reason }) => (
                <tr key={`${path} ${code}`}>
                  <td className="break">{path}</td>
                  <td>
                    <code>{code}</code>
                  </td>
                  <td className="break">{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}

const Cut = ({ shown, total }: { readonly shown: number; readonly total: number }) => (
  <span className="muted small">
    the first {count(shown)} of {count(total)}
  </span>
);

/** So many groups are shown with their pictures: each asks for its own. */
const AT_MOST = 30;

export function Duplicates({ dataset: { duplicates }, path }: { readonly dataset: Dataset; readonly path: string }) {
  const { total, groups } = duplicates;
  const shown = groups.slice(0, AT_MOST);
  return (
    <Card title="Look alike" actions={shown.length < total ? <Cut shown={shown.length} total={total} /> : undefined}>
      {total === 0 ? (
        <Empty title="No two images look alike">The split keeps those that do on one side.</Empty>
      ) : (
        <ul className="stack">
          {shown.map((paths) => (
            <li key={paths.join('\n')} className="stack group">
              <span className="small muted">{plural(paths.length, 'image')}</span>
              <Pictures
                label="Images that look alike"
                pictures={paths.slice(0, 6).map((each) => ({
                  ...{ key: each, src: null, alt: each, caption: each },
                  picture: <ByPath path={path} name={each} />,
                }))}
              />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** The server lists alike pictures by path; their address is found by it. */
function ByPath({ path, name }: { readonly path: string; readonly name: string }) {
  const items = useApi<DatasetItems>(`${path}/items`, { query: { search: name, limit: 5 } });
  const found = items.data?.items.find((item) => item.path === name);
  return found === undefined ? (
    <div className="picture" />
  ) : (
    <div className="picture">
      <img src={imageUrl(found.sha256)} alt={`${name}: ${found.label}`} loading="lazy" />
    </div>
  );
}
