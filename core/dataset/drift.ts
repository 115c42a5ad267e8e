import type { Colours } from './colours.ts';
import type { DatasetFinding } from './findings.ts';
import { someOf } from './names.ts';

/** What of a data set can drift. */
export interface Described {
  /** Images of each class, or boxes of each. */
  readonly perClass: Readonly<Record<string, number>>;
  readonly width: number;
  readonly height: number;
  readonly colours: Colours | null;
}

/** Half the sum of the differences of class shares (total variation) that is worth a word. */
const SHARES = 0.1;
/** Difference of mean colour, 0 … 1, and ratio of spreads or sizes. */
const COLOUR = 0.05;
const RATIO = 1.5;

/** How a data set differs from the one that the champion was trained with. */
export function driftFindings(now: Described, champion: Described): DatasetFinding[] {
  return [...classMap(now, champion), ...classShares(now, champion), ...pictures(now, champion)];
}

function classMap(now: Described, champion: Described): DatasetFinding[] {
  const [known, present] = [Object.keys(champion.perClass), Object.keys(now.perClass)];
  const gone = known.filter((label) => !present.includes(label));
  const fresh = present.filter((label) => !known.includes(label));
  if (gone.length + fresh.length === 0) return [];
  const said = [
    ...(fresh.length > 0 ? [`new: ${someOf(fresh)}`] : []),
    ...(gone.length > 0 ? [`gone: ${someOf(gone)}`] : []),
  ];
  return [warning('DRIFT_CLASSES', `other classes than the champion was trained with; ${said.join('; ')}`)];
}

function classShares(now: Described, champion: Described): DatasetFinding[] {
  const shares = ({ perClass }: Described): Map<string, number> => {
    const all = Object.values(perClass).reduce((sum, count) => sum + count, 0);
    return new Map(Object.entries(perClass).map(([label, count]) => [label, count / Math.max(1, all)]));
  };
  const [a, b] = [shares(now), shares(champion)];
  const changes = [...new Set([...a.keys(), ...b.keys()])].map((label) => ({
    label,
    change: (a.get(label) ?? 0) - (b.get(label) ?? 0),
  }));
  const distance = changes.reduce((sum, { change }) => sum + Math.abs(change), 0) / 2;
  if (distance <= SHARES) return [];
  const largest = changes.sort((x, y) => Math.abs(y.change) - Math.abs(x.change)).slice(0, 3);
  const said = largest.map(({ label, change }) => `${label} ${change > 0 ? '+' : '−'}${percent(Math.abs(change))}`);
  const message = `class shares moved by ${percent(distance)} since the champion's training data: ${said.join(', ')}`;
  return [warning('DRIFT_SHARES', message)];
}

function pictures(now: Described, champion: Described): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  if (ratio(now.width, champion.width) > RATIO || ratio(now.height, champion.height) > RATIO) {
    const [a, b] = [now, champion].map(({ width, height }) => `${Math.round(width)}×${Math.round(height)}`);
    found.push(warning('DRIFT_SIZES', `pictures are ${a} on average, the champion's were ${b}`));
  }
  if (now.colours === null || champion.colours === null) return found;
  const { mean, deviation } = now.colours;
  const before = champion.colours;
  const moved = Math.max(...mean.map((value, c) => Math.abs(value - (before.mean[c] ?? 0))));
  const spread = Math.max(...deviation.map((value, c) => ratio(value, before.deviation[c] ?? 0)));
  if (moved > COLOUR || spread > RATIO) {
    const said = ({ mean: m, deviation: d }: Colours): string => `mean ${m.join(', ')} and spread ${d.join(', ')}`;
    const message = `brightness or colour moved: ${said(now.colours)}, the champion's data had ${said(before)}`;
    found.push(warning('DRIFT_COLOURS', message));
  }
  return found;
}

const ratio = (a: number, b: number): number => Math.max(a, b, 1e-6) / Math.max(Math.min(a, b), 1e-6);
const percent = (share: number): string => `${Math.round(1000 * share) / 10} %`;
const warning = (code: string, message: string): DatasetFinding => ({ level: 'warning', code, message });
