import type { Bin, Dataset } from '../../../../../contracts/web.ts';
import { Bars } from '../../charts/bars.tsx';
import { count, percent, short } from '../../lib/format.ts';
import { Card, Empty } from '../../ui/parts.tsx';
import { useFirst } from '../../ui/first-of.tsx';
import { Scroll } from '../../ui/scroll.tsx';
import { TableHead } from '../../ui/table-head.tsx';

/** How many of each class, how large, and how they are split. */
export function Balance({ dataset }: { readonly dataset: Dataset }) {
  const { perClass, images, sizes, boxSizes, anchorFit, split, task } = dataset;
  const sorted = [...perClass].sort((a, b) => b.count - a.count);
  const whole = perClass.reduce((sum, each) => sum + each.count, 0);
  return (
    <div className="columns">
      <Card title={task === 'detection' ? 'Boxes of each class' : 'Images of each class'}>
        <Bars
          label="Class balance"
          bars={sorted.map(({ label, count: size }) => ({
            name: label,
            value: size,
            text: `${count(size)} · ${percent(whole === 0 ? 0 : size / whole)}`,
          }))}
        />
      </Card>
      <Card title="Split" flush>
        {split === null ? <Empty title="It has not been split yet" /> : <SplitTable split={split} />}
      </Card>
      <Histogram title="Widths, pixels" bins={sizes.width} whole={images} />
      <Histogram title="Heights, pixels" bins={sizes.height} whole={images} />
      <Histogram title="Width over height" bins={sizes.aspect} whole={images} />
      {boxSizes.length === 0 ? null : (
        <Histogram title="Sides of boxes, shares of the picture’s" bins={boxSizes} whole={dataset.boxes ?? 0} />
      )}
      {anchorFit === null ? null : <Anchors fit={anchorFit} />}
    </div>
  );
}

/** Whether a detector's anchors are of the boxes' sizes: those that none overlaps by half are hardly learnt. */
const Anchors = ({ fit: { meanOverlap, missed, shapes } }: { readonly fit: NonNullable<Dataset['anchorFit']> }) => (
  <Card title="Boxes against anchors">
    <div className="stack">
      <p>
        A box and the nearest anchor of an SSD overlap by <strong>{percent(meanOverlap)}</strong> in the mean;{' '}
        <strong>{percent(missed)}</strong> of the boxes are overlapped by none by half.
        {missed > 0.1 ? ' Anchors that fit these boxes help: model.detector.anchors.' : ''}
      </p>
      <Bars
        label="Boxes of each anchor"
        bars={shapes
          .filter(({ share }) => share > 0)
          .map(({ width, height, share }) => ({
            name: `${short(width)} × ${short(height)}`,
            value: share,
            text: percent(share),
          }))}
      />
      <p className="small muted">
        Width × height of each anchor, in shares of the picture, and the boxes nearest to it.
      </p>
    </div>
  </Card>
);

const Histogram = ({
  title,
  bins,
  whole,
}: {
  readonly title: string;
  readonly bins: readonly Bin[];
  readonly whole: number;
}) => (
  <Card title={title}>
    {bins.length === 0 ? (
      <Empty title="Nothing to count" />
    ) : (
      <Bars
        label={title}
        bars={bins.map(({ from, to, count: size }) => ({
          name: from === to ? short(from) : `${short(from)} – ${short(to)}`,
          value: size,
          text: `${count(size)}${whole === 0 ? '' : ` · ${percent(size / whole)}`}`,
        }))}
      />
    )}
  </Card>
);

const sides = ['train', 'validation', 'test'] as const;

function SplitTable({ split }: { readonly split: NonNullable<Dataset['split']> }) {
  const [rows, more] = useFirst(split.perClass, 60);
  return (
    <>
      <Scroll label="Split by class">
        <table>
          <TableHead columns={['Class', ...sides.map((side) => `#${side}`)]} />
          <tbody>
            {rows.map(({ label, counts }) => (
              <tr key={label}>
                <td className="break">{label}</td>
                {sides.map((side) => (
                  <td key={side} className="num">
                    {count(counts[side] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {more === null ? null : <div className="row table-foot">{more}</div>}
    </>
  );
}
