import { Link } from 'react-router';
import type { Model } from '../../../../../contracts/web.ts';
import { bytes, figure, percent } from '../../lib/format.ts';
import { When } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { Tag } from '../../ui/status.tsx';
import { Promote } from './move.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface VersionsProps {
  readonly versions: Model['versions'];
  readonly chosen: number;
  readonly model: Model;
  readonly path: string;
}

export const Versions = ({ versions, chosen, model, path }: VersionsProps) => (
  <Scroll label="Versions">
    <table>
      <TableHead columns={['Version', 'Made', 'Network', '#Accuracy', '#Macro F1', '#Weights', 'Run', '!Actions']} />
      <tbody>
        {versions.map(({ version, createdAt, aliases, model: description, headline, weightsBytes, runId }) => (
          <tr key={version} className={version === chosen ? 'chosen-row' : undefined}>
            <td>
              <span className="row">
                <Link to={`?version=${String(version)}`} replace aria-current={version === chosen ? 'true' : undefined}>
                  {version}
                </Link>
                {aliases.map((alias) => (
                  <Tag key={alias} tone="accent">
                    {alias}
                  </Tag>
                ))}
              </span>
            </td>
            <td>
              <When at={createdAt} />
            </td>
            <td>
              {description.backbone}, {description.strategy}
            </td>
            <td className="num">{percent(headline.accuracy, 2)}</td>
            <td className="num">{figure(headline.macroF1, 3)}</td>
            <td className="num">{bytes(weightsBytes)}</td>
            <td className="break">
              <Link to={`/runs/${runId}`}>{runId}</Link>
            </td>
            <td>
              <Promote model={model} version={version} path={path} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);
