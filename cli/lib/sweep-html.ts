import type { SweepReport } from '../../contracts/sweep.ts';
import { importanceOf } from '../../core/search/importance.ts';
import { toUnit } from '../../core/search/space.ts';
import type { Space } from '../../core/search/space.ts';
import type { Trial } from '../../core/search/trials.ts';
import { figure } from './units.ts';
import { valuesText } from './sweep-view.ts';

const WIDTH = 960;
const HEIGHT = 320;
const STYLE =
  'body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1000px;color:#222}svg{width:100%;height:auto}table{border-collapse:collapse}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:left}';

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A page that needs nothing else: parallel coordinates, what mattered, how the best came about, all trials. */
export function sweepHtml(report: SweepReport, space: Space): string {
  const title = `Sweep ${report.sweepId}`;
  const [objective] = report.objectives;
  const best = report.best
    ? `Best: trial ${report.best.trial}, ${figure(report.best.metric)} — ${valuesText(report.best.values)}`
    : 'No result yet.';
  const sections = [
    `<h1>${escaped(title)}</h1><p>${escaped(`${report.status}; judged by ${objective?.metric ?? ''} (${objective?.goal ?? ''}). ${best}`)}</p>`,
    `<h2>Parallel coordinates</h2>${coordinates(report, space)}`,
    `<h2>What mattered</h2>${importance(report, space)}`,
    `<h2>The best over the trials</h2>${progress(report)}`,
    `<h2>Trials</h2>${table(report)}`,
  ];
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">${policy}<title>${escaped(title)}</title><style>${STYLE}</style></head><body>${sections.join('\n')}</body></html>\n`;
}

/** Of the first objective, 0 for the worst and 1 for the best. */
function goodness({ trials, objectives }: SweepReport): (metric: number) => number {
  const known = trials.flatMap(({ metric }) => (metric === null ? [] : [metric]));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const share = (metric: number): number => (high === low ? 1 : (metric - low) / (high - low));
  return objectives[0]?.goal === 'minimize' ? (metric) => 1 - share(metric) : share;
}

function coordinates(report: SweepReport, space: Space): string {
  const good = goodness(report);
  const axes = [...space.parameters.map(({ name }) => name), report.objectives[0]?.metric ?? 'metric'];
  const x = (i: number): number => 60 + (i * (WIDTH - 120)) / Math.max(1, axes.length - 1);
  const y = (unit: number): number => HEIGHT - 40 - unit * (HEIGHT - 80);
  const lines = report.trials.flatMap(({ values, metric, trial }) => {
    if (metric === null) return [];
    const units = space.parameters.map(({ name, domain }) => toUnit(domain, values[name]));
    const points = [...units, good(metric)].map((unit, i) => `${x(i).toFixed(1)},${y(unit).toFixed(1)}`).join(' ');
    const colour = `hsl(${(220 - 220 * good(metric)).toFixed(0)} 70% 45%)`;
    return [
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-opacity=".6"><title>trial ${trial}: ${figure(metric)}</title></polyline>`,
    ];
  });
  const rules = axes.map(
    (name, i) =>
      `<line x1="${x(i)}" x2="${x(i)}" y1="${y(0)}" y2="${y(1)}" stroke="#999"/><text x="${x(i)}" y="20" text-anchor="middle" font-size="11">${escaped(name.split('.').slice(-2).join('.'))}</text>`,
  );
  return svg([...rules, ...lines]);
}

function importance(report: SweepReport, space: Space): string {
  const trials = report.trials.flatMap(({ trial, values, metrics, epochs }): Trial[] =>
    metrics.length === 0
      ? []
      : [
          {
            id: trial,
            values,
            state: 'done',
            epoch: epochs,
            target: epochs,
            reports: [{ epoch: epochs, values: metrics }],
          },
        ],
  );
  const found = importanceOf(trials, report.objectives, space);
  if (found === null) return '<p>Too few trials came equally far to tell.</p>';
  const bars = found.map(({ name, share }, i) => {
    const y = 10 + i * 26;
    return `<text x="300" y="${y + 14}" text-anchor="end" font-size="12">${escaped(name)}</text><rect x="310" y="${y}" width="${(share * 560).toFixed(1)}" height="18" fill="#2563eb"/><text x="${320 + share * 560}" y="${y + 14}" font-size="12">${(share * 100).toFixed(0)} %</text>`;
  });
  return svg(bars, 20 + found.length * 26);
}

function progress(report: SweepReport): string {
  const good = goodness(report);
  const known = report.trials.filter(({ metric }) => metric !== null);
  const x = (i: number): number => 40 + (i * (WIDTH - 80)) / Math.max(1, known.length - 1);
  const y = (unit: number): number => HEIGHT - 30 - unit * (HEIGHT - 60);
  let most = 0;
  const steps = known.map(({ metric }, i) => {
    most = Math.max(most, good(metric ?? 0));
    return `${x(i).toFixed(1)},${y(most).toFixed(1)}`;
  });
  const dots = known.map(
    ({ metric, trial }, i) =>
      `<circle cx="${x(i).toFixed(1)}" cy="${y(good(metric ?? 0)).toFixed(1)}" r="3" fill="#64748b"><title>trial ${trial}: ${figure(metric ?? 0)}</title></circle>`,
  );
  return svg([...dots, `<polyline points="${steps.join(' ')}" fill="none" stroke="#2563eb" stroke-width="2"/>`]);
}

function table({ trials, objectives }: SweepReport): string {
  const head = ['trial', 'state', ...objectives.map(({ metric }) => metric), 'epochs', 'values'];
  const rows = trials.map(({ trial, state, metrics, epochs, values, reason }) => [
    String(trial),
    state,
    ...objectives.map((_, i) => (metrics[i] === undefined ? '–' : figure(metrics[i]))),
    String(epochs),
    reason === null ? valuesText(values) : `${valuesText(values)} — ${reason}`,
  ]);
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>`;
  return `<table>${row(head, 'th')}${rows.map((cells) => row(cells, 'td')).join('')}</table>`;
}

const svg = (parts: readonly string[], height = HEIGHT): string =>
  `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${parts.join('')}</svg>`;
