import { Link, useParams, useSearchParams } from 'react-router';
import type { Dataset as DatasetAnswer, Datasets as DatasetsAnswer } from '../../../../contracts/web.ts';
import { bytes, count, shortHash } from '../lib/format.ts';
import { useApi } from '../lib/queries.ts';
import { Answered, Card, Empty, PageHead, Stats } from '../ui/parts.tsx';
import { Findings } from '../ui/rules.tsx';
import { Augmentations } from './data/augmentations.tsx';
import { Balance } from './data/balance.tsx';
import { ContactSheet } from './data/contact-sheet.tsx';
import { Changes } from './data/changes.tsx';
import { Duplicates, Quarantine } from './data/problems.tsx';

const tabs = [
  ['images', 'Images'],
  ['augmentations', 'Augmentations'],
  ['balance', 'Balance and sizes'],
  ['quarantine', 'Quarantine'],
  ['duplicates', 'Duplicates'],
  ['changes', 'Changes'],
] as const;

export function Dataset() {
  const { name = '', version } = useParams();
  const all = useApi<DatasetsAnswer>('/datasets');
  const versions = all.data?.datasets.find((each) => each.name === name)?.versions ?? [];
  const wanted = version ?? versions[0]?.version ?? '';
  const path = `/datasets/${encodeURIComponent(name)}/${encodeURIComponent(wanted)}`;
  const dataset = useApi<DatasetAnswer>(path, { enabled: wanted !== '' });
  return (
    <>
      <PageHead
        title={name}
        lead={
          <>
            <Link to="/data">Data</Link>
            <span>
              version <code>{shortHash(wanted)}</code>
            </span>
          </>
        }
      />
      {wanted === '' && all.data !== undefined ? (
        <Empty title="There is no data set of this name" />
      ) : (
        <Answered of={dataset}>
          {(data) => <Parts dataset={data} path={path} versions={versions.map((each) => each.version)} />}
        </Answered>
      )}
    </>
  );
}

interface PartsProps {
  readonly dataset: DatasetAnswer;
  readonly path: string;
  readonly versions: readonly string[];
}

function Parts({ dataset, path, versions }: PartsProps) {
  const { images, boxes, sizeBytes, format, perClass, quarantine, duplicates, findings, split } = dataset;
  const [params] = useSearchParams();
  const tab = tabs.find(([name]) => name === params.get('tab'))?.[0] ?? 'images';
  const sides = Object.entries(split?.counts ?? {});
  const numbers: Readonly<Partial<Record<string, number>>> = {
    quarantine: quarantine.total,
    duplicates: duplicates.total,
  };
  return (
    <div className="stack">
      <Stats
        facts={[
          { label: 'Images', value: count(images), note: format },
          { label: 'Classes', value: count(perClass.length) },
          ...(boxes === null ? [] : [{ label: 'Boxes', value: count(boxes) }]),
          { label: 'Size', value: bytes(sizeBytes) },
          { label: 'Quarantined', value: count(quarantine.total) },
          { label: 'Groups that look alike', value: count(duplicates.total) },
          ...sides.map(([side, images]) => ({ label: `Split: ${side}`, value: count(images) })),
        ]}
      />
      {findings.length === 0 ? null : (
        <Card title="Worth knowing" flush>
          <Findings findings={findings} />
        </Card>
      )}
      <nav className="tabs" aria-label="Parts of the data set">
        {tabs.map(([name, word]) => (
          <Link key={name} to={`?tab=${name}`} replace aria-current={tab === name ? 'page' : undefined}>
            {word}
            {numbers[name] === undefined || numbers[name] === 0 ? '' : ` (${count(numbers[name])})`}
          </Link>
        ))}
      </nav>
      {tab === 'images' ? <ContactSheet path={path} classes={perClass.map(({ label }) => label)} /> : null}
      {tab === 'augmentations' ? <Augmentations path={path} /> : null}
      {tab === 'balance' ? <Balance dataset={dataset} /> : null}
      {tab === 'quarantine' ? <Quarantine dataset={dataset} /> : null}
      {tab === 'duplicates' ? <Duplicates dataset={dataset} path={path} /> : null}
      {tab === 'changes' ? <Changes path={path} version={dataset.version} versions={versions} /> : null}
    </div>
  );
}
