import { X } from 'lucide-react';
import { useState } from 'react';
import type { ScoredItem, ScoredItems } from '../../../../../contracts/web.ts';
import type { Cell } from '../../charts/confusion.tsx';
import { count, percent } from '../../lib/format.ts';
import { imageUrl } from '../../lib/images.ts';
import { useApi } from '../../lib/queries.ts';
import { Answered, Card, Empty } from '../../ui/parts.tsx';
import { Pictures } from '../../ui/pictures.tsx';

interface CellImagesProps {
  readonly path: string;
  readonly classes: readonly string[];
  readonly cell: Cell;
  readonly onClose: () => void;
}

/** The images behind a cell of the confusion matrix, the worst first. */
export function CellImages({ path, classes, cell, onClose }: CellImagesProps) {
  const [limit, setLimit] = useState(48);
  const items = useApi<ScoredItems>(`${path}/items`, {
    query: { truth: cell.truth, predicted: cell.predicted, limit },
    keep: true,
  });
  const total = items.data?.total ?? 0;
  return (
    <Card
      title={`${classes[cell.truth] ?? ''} taken for ${classes[cell.predicted] ?? ''}`}
      actions={
        <>
          <span className="muted small">
            {count(Math.min(limit, total))} of {count(total)}
          </span>
          <button type="button" className="quiet icon" aria-label="Close the images" onClick={onClose}>
            <X size={16} aria-hidden />
          </button>
        </>
      }
    >
      <Answered of={items}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="None" />
          ) : (
            <div className="stack">
              <ScoredPictures items={data.items} label="Images of the cell" />
              {data.items.length < data.total && limit < 480 ? (
                <button
                  type="button"
                  onClick={() => {
                    setLimit(limit + 96);
                  }}
                >
                  More
                </button>
              ) : null}
            </div>
          )
        }
      </Answered>
    </Card>
  );
}

export const ScoredPictures = ({ items, label }: { readonly items: readonly ScoredItem[]; readonly label: string }) => (
  <Pictures
    label={label}
    pictures={items.map(({ path, sha256, truth, predicted, score, truthScore }) => ({
      key: path,
      src: sha256 === null ? null : imageUrl(sha256),
      alt: `${path}: ${truth}, taken for ${predicted}`,
      caption: (
        <>
          <strong>{predicted}</strong> {percent(score, 0)}
          {truth === predicted ? null : (
            <span className="muted">
              <br />
              is {truth} ({percent(truthScore, 0)})
            </span>
          )}
          <br />
          <span className="muted">{path}</span>
        </>
      ),
    }))}
  />
);
