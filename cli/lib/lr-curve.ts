import type { CurvePoint, Suggestions } from '../../core/training/lr-finder.ts';

const [COLUMNS, ROWS] = [64, 14];

/** A curve of losses over rates (logarithmic) in characters, lowest loss at the bottom; `rate` is marked below it. */
export function drawCurve(curve: readonly CurvePoint[], rate: number | null): string[] {
  const scale = scaleOf(curve);
  const grid = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ' '));
  for (const point of curve) {
    const [x, y] = scale(point);
    const line = grid[Math.round((1 - y) * (ROWS - 1))];
    if (line) line[Math.round(x * (COLUMNS - 1))] = '•';
  }
  const losses = curve.map(({ loss }) => loss);
  const label = (row: number): string =>
    (row === 0
      ? Math.max(...losses).toPrecision(3)
      : row === ROWS - 1
        ? Math.min(...losses).toPrecision(3)
        : ''
    ).padStart(8);
  const lines = grid.map((line, row) => `${label(row)} │${line.join('').trimEnd()}`);
  const [first, last] = [curve.at(0)?.rate ?? 0, curve.at(-1)?.rate ?? 0];
  const axis = `${' '.repeat(9)}└${'─'.repeat(COLUMNS)}`;
  const ends = first.toExponential(0).padEnd(COLUMNS - 8) + last.toExponential(0).padStart(8);
  const mark = rate === null ? [] : [`${' '.repeat(10 + Math.round(scale({ rate, loss: 0 })[0] * (COLUMNS - 1)))}▲`];
  return [...lines, axis, ...mark, `${' '.repeat(10)}${ends}`];
}

/** The same as a picture, with every suggestion. */
export function curveSvg(curve: readonly CurvePoint[], suggestions: Suggestions | null): string {
  const [width, height, margin] = [720, 400, 48];
  const scale = scaleOf(curve);
  const place = (point: CurvePoint): readonly [number, number] => {
    const [x, y] = scale(point);
    return [margin + x * (width - 2 * margin), height - margin - y * (height - 2 * margin)];
  };
  const path = curve
    .map((point) =>
      place(point)
        .map((each) => each.toFixed(1))
        .join(','),
    )
    .join(' ');
  const marks = Object.entries(suggestions ?? {}).map(([name, rate]: [string, number], index) => {
    const [x] = place({ rate, loss: 0 });
    const at = x.toFixed(1);
    const line = `<line x1="${at}" x2="${at}" y1="${margin}" y2="${height - margin}" stroke="#888" stroke-dasharray="4"/>`;
    return `${line}<text x="${at}" y="${margin - 6 - 12 * (index % 3)}" text-anchor="middle">${name} ${rate.toExponential(1)}</text>`;
  });
  const axis = `<path d="M${margin},${margin}V${height - margin}H${width - margin}" fill="none" stroke="#444"/>`;
  const title = `<text x="${width / 2}" y="${height - 12}" text-anchor="middle">learning rate (logarithmic), ${(curve[0]?.rate ?? 0).toExponential(0)} to ${(curve.at(-1)?.rate ?? 0).toExponential(0)}; smoothed loss</text>`;
  const line = `<polyline points="${path}" fill="none" stroke="#1f6feb" stroke-width="2"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>${axis}${line}${marks.join('')}${title}</svg>\n`;
}

/** To [0, 1]² of the curve's own ranges, rates by their logarithm; what lies outside comes to the edge. */
function scaleOf(curve: readonly CurvePoint[]): (point: CurvePoint) => readonly [number, number] {
  const rates = curve.map(({ rate }) => Math.log(rate));
  const losses = curve.map(({ loss }) => loss);
  const share = (value: number, all: readonly number[]): number => {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    return high === low ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)));
  };
  return ({ rate, loss }) => [share(Math.log(rate), rates), share(loss, losses)];
}
