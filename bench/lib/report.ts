import Table from 'cli-table3';

/** Prints rows as a table for people, or as one JSON document with `--json`. */
export function report(title: string, rows: readonly Readonly<Record<string, string | number>>[]): void {
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ title, rows }, null, 2)}\n`);
    return;
  }
  const head = Object.keys(rows[0] ?? {});
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) table.push(head.map((name) => row[name] ?? ''));
  process.stdout.write(`${title}\n${table.toString()}\n`);
}

/** Rounds to so many digits behind the point. */
export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
