import { Link } from 'react-router';
import type { Models as ModelsAnswer } from '../../../../contracts/web.ts';
import { count, percent } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, When } from '../ui/parts.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { Tag } from '../ui/status.tsx';
import { TableHead } from '../ui/table-head.tsx';

export function Models() {
  const answer = useApi<ModelsAnswer>('/models', { everyMs: 15_000 });
  return (
    <>
      <PageHead title="Models" lead="What runs have left, who stands for each, and who put it there." />
      <Card title="All" flush>
        <Answered of={answer}>
          {({ models }) =>
            models.length === 0 ? (
              <Empty title="No model has been registered yet">
                A run whose graft.yaml has <code>promote</code> registers its weights as a version.
              </Empty>
            ) : (
              <ModelTable models={models} />
            )
          }
        </Answered>
      </Card>
    </>
  );
}

const ModelTable = ({ models }: ModelsAnswer) => (
  <Scroll label="Models">
    <table>
      <TableHead columns={['Model', 'Aliases', '#Versions', '#Newest', '#Its accuracy', 'Made']} />
      <tbody>
        {models.map(({ name, aliases, versions, newest }) => (
          <tr key={name}>
            <td className="break">
              <Link to={`/models/${encodeURIComponent(name)}`}>{name}</Link>
            </td>
            <td>
              <span className="row">
                {Object.entries(aliases).map(([alias, version]) => (
                  <Tag key={alias} tone="accent">
                    {alias} → {version}
                  </Tag>
                ))}
              </span>
            </td>
            <td className="num">{count(versions)}</td>
            <td className="num">{count(newest?.version)}</td>
            <td className="num">{percent(newest?.accuracy)}</td>
            <td>
              <When at={newest?.createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);
