import { CircleAlert } from 'lucide-react';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Model as ModelAnswer } from '../../../../contracts/web.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead } from '../ui/parts.tsx';
import { Tag } from '../ui/status.tsx';
import { Ledger } from './model/ledger.tsx';
import { ModelDiffCard } from './model/diff.tsx';
import { MoveActions } from './model/move.tsx';
import { VersionCard } from './model/version-card.tsx';
import { Versions } from './model/versions.tsx';

export function Model() {
  const { name = '' } = useParams();
  const path = `/models/${encodeURIComponent(name)}`;
  const model = useApi<ModelAnswer>(path, { everyMs: 10_000 });
  return (
    <>
      <PageHead
        title={name}
        status={Object.entries(model.data?.aliases ?? {}).map(([alias, version]) => (
          <Tag key={alias} tone="accent">
            {alias} → version {version}
          </Tag>
        ))}
        lead={<Link to="/models">Models</Link>}
        actions={model.data === undefined ? undefined : <MoveActions model={model.data} path={path} />}
      />
      <Answered of={model}>{(data) => <Parts model={data} path={path} />}</Answered>
    </>
  );
}

function Parts({ model, path }: { readonly model: ModelAnswer; readonly path: string }) {
  const { versions, ledger, problems } = model;
  const [params] = useSearchParams();
  const wanted = Number(params.get('version'));
  const chosen = versions.find(({ version }) => version === wanted) ?? versions[0];
  if (chosen === undefined) return <Empty title="It has no version yet" />;
  return (
    <div className="stack">
      {problems.map(({ code, where, seen }) => (
        <div key={`${code} ${where}`} className="note bad" role="alert">
          <CircleAlert size={18} aria-hidden />
          <div className="break">
            <strong>{code}</strong>
            <p>
              {where}: {seen}
            </p>
          </div>
        </div>
      ))}
      <Card title="Versions" flush>
        <Versions versions={versions} chosen={chosen.version} model={model} path={path} />
      </Card>
      <VersionCard model={model.name} version={chosen} />
      <div className="columns">
        <ModelDiffCard
          path={path}
          versions={versions.map(({ version }) => version)}
          to={chosen.version}
          key={chosen.version}
        />
        <Card title="Who moved what, and why" flush>
          <Ledger entries={ledger} />
        </Card>
      </div>
    </div>
  );
}
