import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { DatasetItemRow, DatasetItems } from '../../../../../contracts/web.ts';
import { getJson } from '../../lib/api.ts';
import { bytes, count } from '../../lib/format.ts';
import { imageUrl } from '../../lib/images.ts';
import { useSettled } from '../../lib/settled.ts';
import { More } from '../../ui/more.tsx';
import { Answered, Card, Empty } from '../../ui/parts.tsx';
import { Pictures } from '../../ui/pictures.tsx';
import type { DrawnBox, Picture } from '../../ui/pictures.tsx';

const PAGE = 60;

/** The pictures themselves, by class and by name. */
export function ContactSheet({ path, classes }: { readonly path: string; readonly classes: readonly string[] }) {
  const [label, setLabel] = useState('');
  const [typed, setTyped] = useState('');
  const search = useSettled(typed, 250);
  const items = useItems(path, label, search);
  const total = items.data?.pages[0]?.total ?? 0;
  const rows = items.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      title={`${count(rows.length)} of ${count(total)} images`}
      actions={
        <>
          <label className="field">
            Class
            <select
              value={label}
              onChange={(event) => {
                setLabel(event.target.value);
              }}
            >
              <option value="">all</option>
              {classes.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <label className="field">
            Path
            <input
              type="search"
              value={typed}
              placeholder="a part of it"
              onChange={(event) => {
                setTyped(event.target.value);
              }}
            />
          </label>
        </>
      }
    >
      <Answered of={items}>
        {() =>
          rows.length === 0 ? (
            <Empty title="No image like that" />
          ) : (
            <div className="stack">
              <Pictures label="Images" pictures={rows.map(pictureOf)} />
              <More of={items} />
            </div>
          )
        }
      </Answered>
    </Card>
  );
}

const noCursor = (): string | null => null;

const useItems = (path: string, label: string, search: string) =>
  useInfiniteQuery({
    queryKey: [`${path}/items`, { label, search }],
    queryFn: ({ pageParam, signal }) =>
      getJson<DatasetItems>(`${path}/items`, { label, search, limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: noCursor(),
    getNextPageParam: (last) => last.cursor,
    placeholderData: (before) => before,
  });

const pictureOf = (item: DatasetItemRow): Picture => ({
  key: item.path,
  src: imageUrl(item.sha256),
  alt: `${item.path}${item.label === '' ? '' : `: ${item.label}`}`,
  boxes: (item.boxes ?? []).map((box) => drawn(box, item)),
  caption: (
    <>
      {item.label === '' ? null : <strong>{item.label} </strong>}
      <span className="muted">
        {item.width} × {item.height}, {bytes(item.sizeBytes)}
        <br />
        {item.path}
      </span>
    </>
  ),
});

function drawn(box: NonNullable<DatasetItemRow['boxes']>[number], { width, height }: DatasetItemRow): DrawnBox {
  return {
    ...{ x: box.xMin / width, y: box.yMin / height, label: box.label, tone: 'truth' },
    ...{ width: (box.xMax - box.xMin) / width, height: (box.yMax - box.yMin) / height },
  };
}
