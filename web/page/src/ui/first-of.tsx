import { useState } from 'react';
import type { ReactNode } from 'react';
import { count } from '../lib/format.ts';

/** The first `atFirst` of many rows, and a button that shows the rest; null where all are shown. */
export function useFirst<T>(rows: readonly T[], atFirst: number): readonly [rows: readonly T[], more: ReactNode] {
  const [all, setAll] = useState(false);
  if (all || rows.length <= atFirst) return [rows, null];
  const more = (
    <button
      type="button"
      onClick={() => {
        setAll(true);
      }}
    >
      Show all {count(rows.length)}
    </button>
  );
  return [rows.slice(0, atFirst), more];
}
