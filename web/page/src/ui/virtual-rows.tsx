import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';

export interface Column<T> {
  readonly name: string;
  /** A track of a CSS grid. */
  readonly width: string;
  readonly numeric?: boolean;
  /** Left out where the page is narrow. */
  readonly wideOnly?: boolean;
  readonly cell: (row: T) => ReactNode;
}

interface RowsProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** All there are, fetched or not. */
  readonly total: number;
  readonly keyOf: (row: T) => string;
  /** Asked for when the reader comes near the end of what is there. */
  readonly onNearEnd: () => void;
}

const ROW_PX = 44;

/** A table of which only the rows in sight are in the document, so that ten thousand cost what forty do. */
export function VirtualRows<T>({ label, columns, rows, total, keyOf, onNearEnd }: RowsProps<T>) {
  const list = useRef<HTMLDivElement>(null);
  const tracks = useTracks(columns);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    setOffset(list.current?.offsetTop ?? 0);
  }, []);
  const virtual = useWindowVirtualizer({
    ...{ count: rows.length, estimateSize: () => ROW_PX, overscan: 12, scrollMargin: offset },
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : keyOf(row);
    },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length < total && last >= rows.length - 30) onNearEnd();
  }, [last, rows.length, total, onNearEnd]);
  return (
    <div className="vtable" role="table" aria-label={label} aria-rowcount={total + 1}>
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className="vrow vhead" style={{ gridTemplateColumns: tracks }}>
          {columns.map((column) => (
            <span key={column.name} role="columnheader" className={classOf(column)}>
              {column.name}
            </span>
          ))}
        </div>
      </div>
      <div ref={list} role="rowgroup" className="vbody" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          return row === undefined ? null : (
            <Row key={item.key} {...{ columns, tracks, row }} index={item.index} topPx={item.start - offset} />
          );
        })}
      </div>
    </div>
  );
}

interface RowProps<T> {
  readonly tracks: string;
  readonly columns: readonly Column<T>[];
  readonly row: T;
  readonly index: number;
  readonly topPx: number;
}

/** Rows that stay in sight are not drawn again while one scrolls: the same element is none to compare. */
function Row<T>({ columns, tracks, row, index, topPx }: RowProps<T>) {
  return useMemo(
    () => (
      <div
        role="row"
        aria-rowindex={index + 2}
        className="vrow"
        style={{ gridTemplateColumns: tracks, transform: `translateY(${String(topPx)}px)` }}
      >
        {columns.map((column) => (
          <span key={column.name} role="cell" className={classOf(column)}>
            {column.cell(row)}
          </span>
        ))}
      </div>
    ),
    [columns, tracks, row, index, topPx],
  );
}

const narrow = window.matchMedia('(max-width: 860px)');
const onNarrow = (listener: () => void): (() => void) => {
  narrow.addEventListener('change', listener);
  return () => {
    narrow.removeEventListener('change', listener);
  };
};

/** The tracks of the grid, as wide as the window has room for. */
function useTracks<T>(columns: readonly Column<T>[]): string {
  const few = useSyncExternalStore(onNarrow, () => narrow.matches);
  return columns
    .filter(({ wideOnly }) => !(few && wideOnly === true))
    .map(({ width }) => width)
    .join(' ');
}

const classOf = <T,>({ numeric, wideOnly }: Column<T>): string =>
  [numeric === true ? 'num' : '', wideOnly === true ? 'wide-only' : ''].filter((name) => name !== '').join(' ');
