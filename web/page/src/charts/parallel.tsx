import { short } from '../lib/format.ts';
import { Scroll } from '../ui/scroll.tsx';
import './parallel.css';

export interface Axis {
  readonly name: string;
  readonly log: boolean;
  /** The choices, in order, where it is not a number. */
  readonly choices: readonly string[] | null;
}

export interface Path {
  readonly id: number;
  readonly values: readonly (number | string | null)[];
  /** 0 (worst) to 1 (best); null where there is no result. */
  readonly rank: number | null;
}

interface ParallelProps {
  readonly axes: readonly Axis[];
  readonly paths: readonly Path[];
  readonly chosen: number | null;
  readonly onChoose: (id: number) => void;
}

const [WIDTH, HEIGHT, TOP, BOTTOM, SIDE] = [960, 300, 44, 24, 64];

/** One line a trial through what it was tried with and what it came to; the best are drawn last and strongest. */
export function Parallel({ axes, paths, chosen, onChoose }: ParallelProps) {
  const scales = axes.map((axis, index) =>
    scaleOf(
      axis,
      paths.map(({ values }) => values[index] ?? null),
    ),
  );
  const xOf = (index: number): number => SIDE + (index * (WIDTH - 2 * SIDE)) / Math.max(1, axes.length - 1);
  const drawn = [...paths].sort((a, b) =>
    a.id === chosen ? 1 : b.id === chosen ? -1 : (a.rank ?? -1) - (b.rank ?? -1),
  );
  return (
    <Scroll label="Parallel coordinates">
      <svg
        viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`}
        className="parallel"
        role="img"
        aria-label={`Parallel coordinates of ${String(paths.length)} trials over ${axes.map(({ name }) => name).join(', ')}; the same figures are in the table below`}
      >
        {drawn.map(({ id, values, rank }) => {
          const points = values.flatMap((value, index) => {
            const y = scales[index]?.at(value);
            return y == null ? [] : [`${xOf(index).toFixed(1)},${y.toFixed(1)}`];
          });
          return (
            <polyline
              key={id}
              points={points.join(' ')}
              className={id === chosen ? 'chosen' : rank === null ? 'unranked' : ''}
              opacity={id === chosen ? 1 : 0.18 + 0.72 * (rank ?? 0) ** 3}
              onClick={() => {
                onChoose(id);
              }}
            >
              <title>{`Trial ${String(id)}`}</title>
            </polyline>
          );
        })}
        {axes.map((axis, index) => (
          <AxisMark
            key={axis.name}
            name={axis.name}
            x={xOf(index)}
            place={index === 0 ? 'first' : index === axes.length - 1 ? 'last' : 'inner'}
            ticks={scales[index]?.ticks ?? []}
          />
        ))}
      </svg>
    </Scroll>
  );
}

interface AxisMarkProps {
  readonly name: string;
  readonly x: number;
  readonly place: 'first' | 'inner' | 'last';
  readonly ticks: readonly { readonly y: number; readonly text: string }[];
}

function AxisMark({ name, x, place, ticks }: AxisMarkProps) {
  const anchor = place === 'first' ? 'start' : place === 'last' ? 'end' : 'middle';
  const shift = place === 'first' ? 4 - SIDE : place === 'last' ? SIDE - 4 : 0;
  return (
    <g transform={`translate(${x.toFixed(1)} 0)`}>
      <line y1={TOP} y2={HEIGHT - BOTTOM} className="axis" />
      <text y={16} textAnchor={anchor} dx={shift} className="axis-name">
        {name.length > 26 ? `…${name.slice(-25)}` : name}
        <title>{name}</title>
      </text>
      {ticks.map(({ y, text }) => (
        <text
          key={`${text} ${String(y)}`}
          y={y}
          dy="0.32em"
          dx={place === 'first' ? -6 : 6}
          textAnchor={place === 'first' ? 'end' : 'start'}
        >
          {text}
        </text>
      ))}
    </g>
  );
}

interface Scale {
  readonly at: (value: number | string | null) => number | null;
  readonly ticks: readonly { readonly y: number; readonly text: string }[];
}

function scaleOf({ log, choices }: Axis, values: readonly (number | string | null)[]): Scale {
  const [low, high] = [HEIGHT - BOTTOM, TOP];
  if (choices !== null) {
    const y = (index: number): number =>
      choices.length === 1 ? (low + high) / 2 : low + ((high - low) * index) / (choices.length - 1);
    return {
      at: (value) => (choices.includes(String(value)) ? y(choices.indexOf(String(value))) : null),
      ticks: choices.map((text, index) => ({ y: y(index), text: text.length > 12 ? `${text.slice(0, 11)}…` : text })),
    };
  }
  const numbers = values.filter((value) => typeof value === 'number' && Number.isFinite(value) && (!log || value > 0));
  const place = (value: number): number => (log ? Math.log(value) : value);
  const known = numbers.map((value) => place(Number(value)));
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const at = (value: number): number =>
    most === least ? (low + high) / 2 : low + ((high - low) * (place(value) - least)) / (most - least);
  const ends = numbers.length === 0 ? [] : [Math.min(...numbers.map(Number)), Math.max(...numbers.map(Number))];
  return {
    at: (value) => (typeof value === 'number' && Number.isFinite(value) && (!log || value > 0) ? at(value) : null),
    ticks: [...new Set(ends)].map((value) => ({ y: at(value), text: short(value) })),
  };
}
