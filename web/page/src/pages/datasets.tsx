import { Link } from 'react-router';
import type { Datasets as DatasetsAnswer } from '../../../../contracts/web.ts';
import { bytes, count, plural, shortHash } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, When } from '../ui/parts.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { TableHead } from '../ui/table-head.tsx';

export function Datasets() {
  const answer = useApi<DatasetsAnswer>('/datasets');
  return (
    <>
      <PageHead title="Data" lead="A version is named by what is in it: the same images are the same version." />
      <Answered of={answer}>
        {({ datasets }) =>
          datasets.length === 0 ? (
            <Card title="Data sets">
              <Empty title="No data set has been read yet">
                A run reads one; so does <code>graft data import</code>.
              </Empty>
            </Card>
          ) : (
            <div className="stack">
              {datasets.map(({ name, versions }) => (
                <Card
                  key={name}
                  title={name}
                  actions={<span className="muted small">{plural(versions.length, 'version')}</span>}
                  flush
                >
                  <Versions name={name} versions={versions} />
                </Card>
              ))}
            </div>
          )
        }
      </Answered>
    </>
  );
}

type Row = DatasetsAnswer['datasets'][number];

const Versions = ({ name, versions }: Row) => (
  <Scroll label={`Versions of ${name}`}>
    <table>
      <TableHead columns={['Version', 'Read', '#Images', '#Classes', '#Boxes', '#Size']} />
      <tbody>
        {versions.map(({ version, createdAt, images, classes, boxes, sizeBytes }) => (
          <tr key={version}>
            <td>
              <Link className="mono" to={`/data/${encodeURIComponent(name)}/${version}`}>
                {shortHash(version)}
              </Link>
            </td>
            <td>
              <When at={createdAt} />
            </td>
            <td className="num">{count(images)}</td>
            <td className="num">{count(classes)}</td>
            <td className="num">{count(boxes)}</td>
            <td className="num">{bytes(sizeBytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);
