import { useFirst } from '../ui/first-of.tsx';
import { Scroll } from '../ui/scroll.tsx';
import './bars.css';

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Beside the bar; the value itself by default. */
  readonly text?: string;
  readonly href?: string;
}

/** A thousand bars are nothing to look at: so many until all are asked for. */
const AT_FIRST = 60;

/** Names, bars and figures in rows: for classes, importances, sizes. */
export function Bars({
  label,
  bars,
  max,
}: {
  readonly label: string;
  readonly bars: readonly Bar[];
  readonly max?: number;
}) {
  const top = max ?? Math.max(1e-12, ...bars.map(({ value }) => value));
  const [shown, more] = useFirst(bars, AT_FIRST);
  return (
    <Scroll label={label}>
      <ul className="bars" aria-label={label}>
        {shown.map(({ name, value, text, href }) => (
          <li key={name}>
            <span className="bar-name" title={name}>
              {href === undefined ? name : <a href={href}>{name}</a>}
            </span>
            <span className="bar-track" aria-hidden>
              <span style={{ width: `${String(Math.max(0, Math.min(1, value / top)) * 100)}%` }} />
            </span>
            <span className="bar-value">{text ?? value.toLocaleString('en-GB')}</span>
          </li>
        ))}
      </ul>
      {more}
    </Scroll>
  );
}
