import type { SweepReport } from '../../contracts/sweep.ts';
import type { Json } from '../../core/canonical-json.ts';

/**
 * Trials as CSV (RFC 4180), safe to open in a spreadsheet: a text that would be taken for a formula (`=`, `+`, `-`, `@`,
 * tab, return at its start) has an apostrophe before it. Numbers are written as they are.
 */
export function sweepCsv({ trials, objectives }: SweepReport): string {
  const names = [...new Set(trials.flatMap(({ values }) => Object.keys(values)))].sort();
  const head = [
    'trial',
    'run',
    'state',
    ...objectives.map(({ metric }) => metric),
    'epochs',
    'steps',
    'seconds',
    ...names,
  ];
  const rows = trials.map(({ trial, runId, state, metrics, epochs, steps, seconds, values }) => [
    trial,
    runId,
    state,
    ...objectives.map((_, index) => metrics[index] ?? null),
    epochs,
    steps,
    Number(seconds.toFixed(1)),
    ...names.map((name) => values[name]),
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: Json | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
