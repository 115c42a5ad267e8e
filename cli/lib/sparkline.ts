const LEVELS = '▁▂▃▄▅▆▇█';

/** Values as a line of blocks, the lowest to the highest of what is shown; `width` points by means of even parts. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.length <= width ? values : parts(values, width);
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const level = (value: number): number => (high === low ? 0 : Math.round(((value - low) / (high - low)) * 7));
  return shown.map((value) => LEVELS[level(value)] ?? '').join('');
}

function parts(values: readonly number[], width: number): number[] {
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const part = values.slice(from, Math.max(from + 1, Math.floor(((i + 1) * values.length) / width)));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
