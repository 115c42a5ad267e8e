/** Curves before they are drawn; pure. */

/**
 * An exponential moving average that starts at the first value and not at nought, as TensorBoard's (its debiasing term).
 * `weight` is the share of what was before, 0 to .999; gaps stay gaps.
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let last = 0;
  let seen = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    seen++;
    return last / (1 - weight ** seen);
  });
}

/** What a logarithmic axis can show. */
export const positive = (values: readonly (number | null)[]): (number | null)[] =>
  values.map((value) => (value !== null && value > 0 ? value : null));

export interface Line {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

/** One table of all lines over the union of their x, with gaps where a line has nothing: what uPlot draws. */
export function alignLines(lines: readonly Line[]): [number[], ...(number | null | undefined)[][]] {
  const first = lines[0];
  if (first !== undefined && lines.every((line) => sameNumbers(line.x, first.x))) {
    return [[...first.x], ...lines.map((line) => [...line.y])];
  }
  const all = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const place = new Map(all.map((x, index) => [x, index]));
  const columns = lines.map((line) => {
    // undefined: no point of this line here, and the line goes on; null: a gap.
    const column = new Array<number | null | undefined>(all.length).fill(undefined);
    line.x.forEach((x, index) => {
      const at = place.get(x);
      if (at !== undefined) column[at] = line.y[index] ?? null;
    });
    return column;
  });
  return [all, ...columns];
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, index) => value === b[index]));
}

/** `lowest .1203 at 480, last .1310`: a curve for those who don't see it. */
export function inWords({ label, x, y }: Line): string {
  const known = y.flatMap((value, index) =>
    value === null || !Number.isFinite(value) ? [] : [{ value, x: x[index] }],
  );
  const last = known.at(-1);
  if (last === undefined) return `${label}: no values`;
  const lowest = known.reduce((best, each) => (each.value < best.value ? each : best));
  const highest = known.reduce((best, each) => (each.value > best.value ? each : best));
  const at = (point: { value: number; x: number | undefined }): string =>
    `${String(Number(point.value.toPrecision(4)))} at ${String(point.x ?? '')}`;
  return `${label}: lowest ${at(lowest)}, highest ${at(highest)}, last ${at(last)}`;
}
