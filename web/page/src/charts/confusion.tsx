import { useMemo, useState } from 'react';
import { count, percent } from '../lib/format.ts';
import './confusion.css';

export interface Cell {
  readonly truth: number;
  readonly predicted: number;
}

interface ConfusionProps {
  readonly classes: readonly string[];
  /** Row: the true class; column: the predicted one. */
  readonly matrix: readonly (readonly number[])[];
  readonly chosen: Cell | null;
  readonly onChoose: (cell: Cell) => void;
}

/** Above this many classes only those that are confused most are drawn: a thousand squared is nothing to look at. */
const AT_MOST = 24;

/** A matrix whose cells are buttons: each opens the images behind it. */
export function Confusion({ classes, matrix, chosen, onChoose }: ConfusionProps) {
  const [all, setAll] = useState(false);
  const order = useMemo(
    () => (classes.length <= AT_MOST || all ? classes.map((_, i) => i) : worst(matrix)),
    [classes, matrix, all],
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
              <MatrixRow key={row} row={row} order={order} {...{ classes, matrix, chosen, onChoose }} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function MatrixRow({
  row,
  order,
  classes,
  matrix,
  chosen,
  onChoose,
}: ConfusionProps & { readonly row: number; readonly order: readonly number[] }) {
  const values = matrix[row] ?? [];
  const total = values.reduce((sum, value) => sum + value, 0);
  return (
    <tr>
      <th scope="row" title={classes[row]}>
        <span>{classes[row]}</span>
      </th>
      {order.map((column) => {
        const value = values[column] ?? 0;
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
              disabled={value === 0}
              style={{ backgroundColor: `rgb(var(${row === column ? '--heat' : '--heat-bad'}) / ${String(strength)})` }}
              onClick={() => {
                onChoose({ truth: row, predicted: column });
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
function worst(matrix: readonly (readonly number[])[]): number[] {
  const mistakes = matrix.map((row, index) => ({
    index,
    wrong:
      row.reduce((sum, value) => sum + value, 0) -
      2 * (row[index] ?? 0) +
      matrix.reduce((sum, other) => sum + (other[index] ?? 0), 0),
  }));
  return mistakes
    .sort((a, b) => b.wrong - a.wrong || a.index - b.index)
    .slice(0, AT_MOST)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}
