import type { Bin, Dataset } from '../../../../../contracts/web.ts';
import { Bars } from '../../charts/bars.tsx';
import { count, percent, short } from '../../lib/format.ts';
import { Card, Empty } from '../../ui/parts.tsx';
import { Scroll } from '../../ui/scroll.tsx';

/** How many of each class, how large, and how they are split. */
export function Balance({ dataset }: { readonly dataset: Dataset }) {
  const { perClass, images, sizes, boxSizes, split, task } = dataset;
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
    </div>
  );
}

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

const SplitTable = ({ split }: { readonly split: NonNullable<Dataset['split']> }) => (
  <Scroll label="Split by class">
    <table>
      <thead>
        <tr>
          <th scope="col">Class</th>
          {sides.map((side) => (
            <th key={side} scope="col" className="num">
              {side}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {split.perClass.slice(0, 500).map(({ label, counts }) => (
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
);
