import { memo, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import './charts.css';
import { short } from '../lib/format.ts';
import { inTurn } from '../lib/one-by-one.ts';
import { alignLines, inWords } from '../lib/series.ts';
import type { Line } from '../lib/series.ts';
import { useTheme } from '../lib/theme.ts';

export interface CurveLine extends Line {
  /** Which colour of the palette, 1 to 6. */
  readonly colour: number;
  /** Behind its smoothed self, or the champion's beside the challenger's. */
  readonly faint?: boolean;
  readonly dashed?: boolean;
  /** Points and no line. */
  readonly points?: boolean;
}

export interface CurveProps {
  /** What it shows, for those who don't see it. */
  readonly title: string;
  readonly lines: readonly CurveLine[];
  readonly xLabel: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly height?: number;
  /** Marked on the first line that is not faint: checkpoints. */
  readonly marks?: readonly number[];
  /** Vertical lines with a name: suggestions. */
  readonly rules?: readonly { readonly x: number; readonly name: string }[];
  /** Fixed ends of an axis, as for rates from 0 to 1. */
  readonly yRange?: readonly [number, number];
  readonly xRange?: readonly [number, number];
  readonly legend?: boolean;
}

/** Lines over one x, drawn on a canvas; zoomed by dragging, and back by a double click. */
export const Curve = memo(DrawnCurve);

function DrawnCurve(props: CurveProps) {
  const [drawn, setDrawn] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  const theme = useTheme();
  const { lines, logX = false, logY = false, height = 240 } = props;
  // A chart is made anew only when what it is made of changes; new points go into the one that is there.
  const shape = JSON.stringify([
    lines.map(({ label, colour, faint, dashed, points }) => [label, colour, faint, dashed, points]),
    [logX, logY, height, theme, props.yRange, props.xRange],
  ]);
  useEffect(() => {
    latest.current = props;
    const current = chart.current;
    if (current === null) return;
    // Someone who looks at a part goes on looking at it while points come.
    current.setData(alignLines(props.lines), !isZoomed(current));
  });
  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    let forget = (): void => undefined;
    const callOff = inTurn(() => {
      const made = new uPlot(optionsOf(element, latest), alignLines(latest.current.lines), element);
      chart.current = made;
      setDrawn(true);
      const observer = new ResizeObserver(() => {
        if (element.clientWidth !== made.width) made.setSize({ width: element.clientWidth, height });
      });
      observer.observe(element);
      forget = () => {
        observer.disconnect();
        made.destroy();
        chart.current = null;
        setDrawn(false);
      };
    });
    return () => {
      callOff();
      forget();
    };
  }, [shape, height]);
  return (
    <figure className="curve">
      {drawn ? null : <div className="skeleton" style={{ height }} />}
      <div ref={holder} role="img" aria-label={`${props.title}. ${lines.slice(0, 6).map(inWords).join('. ')}`} />
    </figure>
  );
}

function isZoomed(chart: uPlot): boolean {
  const x = chart.data[0];
  const { min, max } = chart.scales['x'] ?? {};
  const [first, last] = [x[0], x.at(-1)];
  if (min == null || max == null || first === undefined || last === undefined) return false;
  return min > first || max < last;
}

function optionsOf(element: HTMLElement, latest: { readonly current: CurveProps }): uPlot.Options {
  const { lines, logX = false, logY = false, height = 240, xLabel, yRange, xRange, legend = true } = latest.current;
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
  const font = `12px ${colour('--font')}`;
  const values = (_: uPlot, ticks: number[]): string[] => ticks.map((tick) => (tick === null ? '' : short(tick)));
  return {
    ...{ width: element.clientWidth, height, padding: [12, 12, 0, 0] },
    scales: {
      x: { time: false, distr: logX ? 3 : 1, ...(xRange === undefined ? {} : { range: [xRange[0], xRange[1]] }) },
      y: { distr: logY ? 3 : 1, ...(yRange === undefined ? {} : { range: [yRange[0], yRange[1]] }) },
    },
    axes: [
      { ...axis, font, values, label: xLabel, labelFont: font, labelSize: 20, size: 30 },
      { ...axis, font, values, size: 56 },
    ],
    legend: { show: legend },
    cursor: { drag: { x: true, y: false }, focus: { prox: 24 }, points: { size: 7 } },
    series: [
      { label: xLabel, value: (_: uPlot, value: number | null) => (value === null ? '–' : short(value)) },
      ...lines.map((line) => seriesOf(line, colour(`--curve-${String(line.colour)}`))),
    ],
    hooks: { draw: [(chart) => drawMarks(chart, latest.current, colour('--surface'), colour('--muted'), font)] },
  };
}

function seriesOf(line: CurveLine, stroke: string): uPlot.Series {
  return {
    label: line.label,
    stroke: line.faint === true ? `color-mix(in srgb, ${stroke} 32%, transparent)` : stroke,
    width: line.faint === true ? 1 : 1.75,
    ...(line.dashed === true ? { dash: [5, 4] } : {}),
    ...(line.points === true
      ? { paths: () => null, points: { show: true, size: 7, fill: stroke } }
      : { points: { show: line.x.length === 1 } }),
    value: (_: uPlot, value: number | null) => (value == null ? '–' : short(value)),
  };
}

/** Checkpoints as diamonds on the first line, and named rules from top to bottom. */
function drawMarks(chart: uPlot, props: CurveProps, fill: string, ink: string, font: string): void {
  const { ctx, bbox } = chart;
  const { marks = [], rules = [], lines } = props;
  const first = lines.find(({ faint }) => faint !== true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const ratio = devicePixelRatio;
  for (const { x, name } of rules) {
    const left = chart.valToPos(x, 'x', true);
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.strokeStyle = ink;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillStyle = ink;
    ctx.font = font.replace('12px', `${String(12 * ratio)}px`);
    ctx.textAlign = 'left';
    ctx.fillText(name, left + 4 * ratio, bbox.top + 12 * ratio);
  }
  ctx.setLineDash([]);
  if (first !== undefined) {
    ctx.fillStyle = fill;
    ctx.strokeStyle = ink;
    ctx.lineWidth = 1.5 * ratio;
    for (const mark of marks) {
      const value = valueAt(first, mark);
      if (value === null) continue;
      diamond(ctx, chart.valToPos(mark, 'x', true), chart.valToPos(value, 'y', true), 4.5 * ratio);
    }
  }
  ctx.restore();
}

function valueAt(line: Line, x: number): number | null {
  let best: number | null = null;
  let distance = Infinity;
  line.x.forEach((each, index) => {
    const value = line.y[index];
    if (value == null || Math.abs(each - x) >= distance) return;
    distance = Math.abs(each - x);
    best = value;
  });
  return best;
}

function diamond(ctx: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}
