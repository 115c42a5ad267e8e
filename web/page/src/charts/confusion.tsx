import { useMemo, useState } from 'react';
import { count, percent } from '../lib/format.ts';
import './confusion.css';

export interface Cell {
  readonly truth: number;
  readonly predicted: number;
}

interface ConfusionProps {
  readonly classes: readonly string[];
  /** What is not 0: [true class, predicted class, how often]. */
  readonly cells: readonly (readonly [number, number, number])[];
  readonly chosen: Cell | null;
  /** Absent where there are no images to open. */
  readonly onChoose?: ((cell: Cell) => void) | undefined;
}

/** Above this many classes only those that are confused most are drawn: a thousand squared is nothing to look at. */
const AT_MOST = 24;

/** A matrix whose cells are buttons: each opens the images behind it. */
export function Confusion({ classes, cells, chosen, onChoose }: ConfusionProps) {
  const [all, setAll] = useState(false);
  const counts = useMemo(() => countsOf(cells), [cells]);
  const order = useMemo(
    () => (classes.length <= AT_MOST || all ? classes.map((_, index) => index) : mostMistaken(cells)),
    [classes, cells, all],
  );
  return (
    <>
      {classes.length > AT_MOST ? (
        <p className="small muted row">
          The {count(order.length)} of {count(classes.length)} classes that are mistaken most.
          {classes.length <= 100 ? (
            <button
              type="button"
              className="quiet"
              onClick={() => {
                setAll(!all);
              }}
            >
              {all ? 'Show fewer' : 'Show all'}
            </button>
          ) : null}
        </p>
      ) : null}
      <div className="confusion-scroll">
        <table className="confusion">
          <caption className="unseen">Confusion matrix: rows are true classes, columns predictions</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="small">true ↓ predicted →</span>
              </th>
              {order.map((column) => (
                <th key={column} scope="col" className="across" title={classes[column]}>
                  <span>{classes[column]}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.map((row) => (
              <MatrixRow key={row} {...{ row, order, counts, classes, chosen, onChoose }} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface Counts {
  readonly at: (truth: number, predicted: number) => number;
  /** Of a true class. */
  readonly total: (truth: number) => number;
}

function countsOf(cells: ConfusionProps['cells']): Counts {
  const rows = new Map<number, Map<number, number>>();
  for (const [truth, predicted, times] of cells) {
    const row = rows.get(truth) ?? new Map<number, number>();
    rows.set(truth, row.set(predicted, times));
  }
  return {
    at: (truth, predicted) => rows.get(truth)?.get(predicted) ?? 0,
    total: (truth) => [...(rows.get(truth)?.values() ?? [])].reduce((sum, value) => sum + value, 0),
  };
}

interface RowProps extends Pick<ConfusionProps, 'classes' | 'chosen' | 'onChoose'> {
  readonly row: number;
  readonly order: readonly number[];
  readonly counts: Counts;
}

function MatrixRow({ row, order, counts, classes, chosen, onChoose }: RowProps) {
  const total = counts.total(row);
  return (
    <tr>
      <th scope="row" title={classes[row]}>
        <span>{classes[row]}</span>
      </th>
      {order.map((column) => {
        const value = counts.at(row, column);
        const share = total === 0 ? 0 : value / total;
        const what = `${count(value)} of ${count(total)} ${classes[row] ?? ''} taken for ${classes[column] ?? ''}, ${percent(share)}`;
        const isChosen = chosen?.truth === row && chosen.predicted === column;
        // Roots, so that single mistakes among hundreds can be seen.
        const strength = value === 0 ? 0 : 0.12 + 0.5 * Math.sqrt(share);
        return (
          <td key={column}>
            <button
              type="button"
              title={what}
              aria-label={what}
              aria-pressed={isChosen}
              disabled={value === 0 || onChoose === undefined}
              style={{ backgroundColor: `rgb(var(${row === column ? '--heat' : '--heat-bad'}) / ${String(strength)})` }}
              onClick={() => {
                onChoose?.({ truth: row, predicted: column });
              }}
            >
              {value === 0 ? '' : value}
            </button>
          </td>
        );
      })}
    </tr>
  );
}

/** The classes with most off the diagonal, in their own order. */
function mostMistaken(cells: ConfusionProps['cells']): number[] {
  const wrong = new Map<number, number>();
  for (const [truth, predicted, times] of cells) {
    if (truth === predicted) continue;
    wrong.set(truth, (wrong.get(truth) ?? 0) + times);
    wrong.set(predicted, (wrong.get(predicted) ?? 0) + times);
  }
  return [...wrong]
    .sort(([a, most], [b, more]) => more - most || a - b)
    .slice(0, AT_MOST)
    .map(([index]) => index)
    .sort((a, b) => a - b);
}
