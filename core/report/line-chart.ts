import { escapeHtml } from '../dataset/report-page.ts';

export interface ChartLine {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly logY?: boolean;
  /** A vertical rule with a name, as for the best epoch. */
  readonly mark?: { readonly at: number; readonly name: string } | null;
}

const WIDTH = 640;
const HEIGHT = 260;
const PLOT = { left: 64, right: 16, top: 30, bottom: 40 } as const;
/** Told apart in gray and by the colour-blind (Okabe and Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];
const DASHES = ['', '6 3', '2 2', '8 2 2 2'];

/** Lines as an SVG that needs nothing else; empty where there is nothing to draw. */
export function lineChart(lines: readonly ChartLine[], options: ChartOptions): string {
  const { title, xLabel, logY = false, mark = null } = options;
  const kept = lines
    .map(({ name, points }) => ({ name, points: points.filter(([x, y]) => isDrawn(x, y, logY)) }))
    .filter(({ points }) => points.length > 0);
  const all = kept.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const scaleY = logY ? Math.log10 : (value: number): number => value;
  const x = axis(all.map(([value]) => value));
  const y = axis(all.map(([, value]) => scaleY(value)));
  const left = (value: number): number => PLOT.left + part(value, x) * (WIDTH - PLOT.left - PLOT.right);
  const top = (value: number): number => HEIGHT - PLOT.bottom - part(value, y) * (HEIGHT - PLOT.top - PLOT.bottom);
  const parts = [
    `<text x="${PLOT.left}" y="18" class="t">${escapeHtml(title)}</text>`,
    ...ticks(y).map((value) => ruleY(top(value), logY ? 10 ** value : value)),
    ...ticks(x).map((value) => labelX(left(value), value)),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(xLabel)}</text>`,
    ...(mark === null ? [] : [markAt(left(mark.at), mark.name)]),
    ...kept.map(({ points }, i) => {
      const path = points.map(([a, b]) => `${left(a).toFixed(1)},${top(scaleY(b)).toFixed(1)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${pick(COLOURS, i)}" stroke-width="1.6" stroke-dasharray="${pick(DASHES, i)}"/>`;
    }),
    legend(kept.map(({ name }) => name)),
  ];
  const label = escapeHtml(`${title}: ${kept.map(({ name }) => name).join(', ')}`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg>`;
}

const isDrawn = (x: number, y: number, logY: boolean): boolean =>
  Number.isFinite(x) && Number.isFinite(y) && (!logY || y > 0);

const pick = (list: readonly string[], index: number): string => list[index % list.length] ?? '';

interface Axis {
  readonly low: number;
  readonly high: number;
}

function axis(values: readonly number[]): Axis {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  // What never changes lies in the middle, at its own scale.
  const room = low === 0 ? 0.5 : Math.abs(low) / 2;
  return low === high ? { low: low - room, high: high + room } : { low, high };
}

const part = (value: number, { low, high }: Axis): number => (value - low) / (high - low);

/** Four to eight round numbers within the axis. */
function ticks({ low, high }: Axis): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first;
  return Array.from({ length: Math.max(0, count) + 1 }, (_, i) => (first + i) * step);
}

const number = (value: number): string => String(Number(value.toPrecision(3)));

function ruleY(y: number, value: number): string {
  const at = y.toFixed(1);
  return `<line x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at}" y2="${at}" class="g"/><text x="${PLOT.left - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${number(value)}</text>`;
}

const labelX = (x: number, value: number): string =>
  `<text x="${x.toFixed(1)}" y="${HEIGHT - PLOT.bottom + 16}" text-anchor="middle">${number(value)}</text>`;

const markAt = (x: number, name: string): string =>
  `<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${PLOT.top}" y2="${HEIGHT - PLOT.bottom}" class="m"/><text x="${(x + 4).toFixed(1)}" y="${PLOT.top + 12}">${escapeHtml(name)}</text>`;

function legend(names: readonly string[]): string {
  return names
    .map((name, i) => {
      const x = WIDTH - PLOT.right - (names.length - i) * 120;
      return `<line x1="${x}" x2="${x + 22}" y1="14" y2="14" stroke="${pick(COLOURS, i)}" stroke-width="2" stroke-dasharray="${pick(DASHES, i)}"/><text x="${x + 27}" y="18">${escapeHtml(name)}</text>`;
    })
    .join('');
}
