import { Download } from 'lucide-react';
import type { ModelExports } from '../../../../../contracts/web.ts';
import { bytes, count, percent } from '../../lib/format.ts';
import { useApi } from '../../lib/queries.ts';
import { Answered, When } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

interface ExportsProps {
  readonly model: string;
  readonly version: number;
  readonly isDetector: boolean;
}

type Row = ModelExports['exports'][number];

/** For use elsewhere: what was exported of a version, with what that cost it, and how to export it. */
export function Exports({ model, version, isDetector }: ExportsProps) {
  const path = `/models/${encodeURIComponent(model)}/versions/${String(version)}/exports`;
  const exports = useApi<ModelExports>(path);
  const score = isDetector ? 'mAP@.5' : 'Accuracy';
  return (
    <div>
      <h3>For use elsewhere</h3>
      <Answered of={exports}>
        {({ exports: rows }) => (
          <div className="stack">
            {rows.length === 0 ? null : (
              <Scroll label="Exports">
                <table>
                  <TableHead
                    columns={['Format', 'Weights', '#Size', '#Off by at most', `#${score}`, 'Made', '!Download']}
                  />
                  <tbody>
                    {rows.map((row) => (
                      <ExportRow key={`${row.format} ${row.precision}`} row={row} base={`/api${path}`} />
                    ))}
                  </tbody>
                </table>
              </Scroll>
            )}
            <p className="small muted break">
              <code>{`graft models export ${model}@${String(version)} --format onnx --out ./${model}-onnx`}</code>{' '}
              {rows.length === 0 ? 'checks an export against the model and keeps it here' : 'adds another'}; formats are
              saved-model, tfjs, onnx and safetensors, with <code>--precision</code> float32, float16 or int8.
            </p>
          </div>
        )}
      </Answered>
    </div>
  );
}

function ExportRow({ row, base }: { readonly row: Row; readonly base: string }) {
  const { format, precision, sizeBytes, maxDifference, images, accuracy, mAP50, createdAt, download } = row;
  const score = accuracy ?? mAP50;
  const of = mAP50 === null ? 'a probability' : 'a score or an edge';
  return (
    <tr>
      <td>{format}</td>
      <td>{precision}</td>
      <td className="num">{bytes(sizeBytes)}</td>
      <td className="num" title={`largest difference of ${of} on ${count(images)} pictures`}>
        {maxDifference.toExponential(1)}
      </td>
      <td className="num">
        {score === null
          ? '–'
          : `${percent(score.exported, 2)} (model ${percent(score.original, 2)}) of ${count(score.images)}`}
      </td>
      <td>
        <When at={createdAt} />
      </td>
      <td>
        {download === null ? (
          <span className="muted small">not kept</span>
        ) : (
          <a className="button" href={`${base}/${download.file}`} download>
            <Download size={15} aria-hidden />
            {download.file}, {bytes(download.sizeBytes)}
          </a>
        )}
      </td>
    </tr>
  );
}
