import Table from 'cli-table3';

export type Row = Readonly<Record<string, string | number>>;

/** Prints rows as a table for people, or as one JSON document with `--json`. `notes` say what was measured on what. */
export function report(title: string, rows: readonly Row[], notes: readonly string[] = []): void {
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ title, rows, notes }, null, 2)}\n`);
    return;
  }
  const head = Object.keys(rows[0] ?? {});
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) table.push(head.map((name) => row[name] ?? ''));
  process.stdout.write([title, table.toString(), ...notes, ''].join('\n'));
}

/** Rounds to so many digits behind the point. */
export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** A rounded figure, or a dash for one that was not measured. */
export const figure = (value: number | null, digits = 2): string | number =>
  value === null || !Number.isFinite(value) ? '–' : round(value, digits);
