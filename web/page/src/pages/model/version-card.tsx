import { Download, FileText } from 'lucide-react';
import { Link } from 'react-router';
import type { ModelVersionView } from '../../../../../contracts/web.ts';
import { Lineage } from '../../charts/lineage.tsx';
import { bytes, count, figure, percent, shortHash } from '../../lib/format.ts';
import { Card, Facts } from '../../ui/parts.tsx';
import { Exports } from './exports.tsx';

/** What a version is, what it came from, and how to take it away. */
export function VersionCard({ model, version }: { readonly model: string; readonly version: ModelVersionView }) {
  const { model: description, headline, runId, weightsSha256, weightsBytes } = version;
  const { image } = description;
  const base = `/api/models/${encodeURIComponent(model)}/versions/${String(version.version)}`;
  return (
    <Card title={`Version ${String(version.version)}`} actions={<Downloads base={base} bytes={weightsBytes} />}>
      <div className="stack">
        <div className="columns">
          <Facts
            rows={[
              ['Network', `${description.backbone}, ${description.strategy}`],
              [
                'Input',
                `${String(image.widthPx)} × ${String(image.heightPx)}, ${image.channels === 1 ? 'grey' : 'colour'}, ${image.resize}`,
              ],
              ['Normalization', description.normalization],
              [
                'Classes',
                `${count(description.classes.length)}: ${description.classes.slice(0, 12).join(', ')}${description.classes.length > 12 ? ' …' : ''}`,
              ],
              ['Weights', <code key="sha">{weightsSha256}</code>],
            ]}
          />
          <Facts
            rows={[
              ['Accuracy', `${percent(headline.accuracy, 2)} of ${count(headline.images)} test images`],
              ['Loss', figure(headline.loss)],
              [
                'Run',
                <Link key="run" to={`/runs/${runId}`}>
                  {runId}
                </Link>,
              ],
              [
                'Evaluation',
                <Link key="evaluation" to={`/runs/${runId}/evaluation`}>
                  confusion, curves, mistakes
                </Link>,
              ],
            ]}
          />
        </div>
        <div>
          <h3>Where it comes from</h3>
          <VersionLineage model={model} version={version} />
        </div>
        <Exports model={model} version={version.version} isDetector={description.detector !== undefined} />
      </div>
    </Card>
  );
}

const Downloads = ({ base, bytes: size }: { readonly base: string; readonly bytes: number }) => (
  <>
    <a className="button" href={`${base}/card`} download>
      <FileText size={15} aria-hidden />
      Card
    </a>
    <a className="button" href={`${base}/weights`} download>
      <Download size={15} aria-hidden />
      Weights, {bytes(size)}
    </a>
  </>
);

function VersionLineage({ model, version }: { readonly model: string; readonly version: ModelVersionView }) {
  const { lineage, runId } = version;
  const { name, version: data } = lineage.dataset;
  return (
    <Lineage
      label={`Version ${String(version.version)} comes from run ${runId} on version ${shortHash(data)} of ${name}`}
      nodes={[
        { title: 'Data', text: `${name} ${shortHash(data)}`, to: `/data/${encodeURIComponent(name)}/${data}` },
        { title: 'Split', text: shortHash(lineage.splitKey) },
        { title: 'Prepared', text: shortHash(lineage.prepareKey) },
        { title: 'Trained', text: shortHash(lineage.trainKey), to: `/runs/${runId}` },
        { title: 'Evaluated', text: shortHash(lineage.evaluateKey), to: `/runs/${runId}/evaluation` },
        { title: 'Gate', text: shortHash(lineage.gateKey) },
        { title: 'Version', text: `${model} ${String(version.version)}` },
      ]}
    />
  );
}
