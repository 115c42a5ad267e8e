import type { PlanRetrainingInput } from '../../contracts/retraining.ts';
import { newest } from '../../core/dataset/newest.ts';
import { inputError } from '../../core/errors.ts';
import type { DataPorts } from '../ports.ts';
import { parentsOf, withAges } from './ages.ts';
import type { AgedItem, OlderSplit } from './ages.ts';

const DAY_MS = 86_400_000;

export interface Window {
  readonly train: readonly AgedItem[];
  /** Test images that came when the training images of the window did. */
  readonly test: readonly AgedItem[];
  /** In words. */
  readonly means: string;
}

/** The images that `dataset.recent` means. RECENT_EMPTY (input) where no training image is among them. */
export async function windowOf(
  { store, clock }: Pick<DataPorts, 'store' | 'clock'>,
  { images, days }: NonNullable<PlanRetrainingInput['recent']>,
  items: readonly AgedItem[],
  current: OlderSplit,
  signal: AbortSignal,
): Promise<Window> {
  const sinceMs = clock.nowMs() - (days ?? 0) * DAY_MS;
  /** When each generation came. */
  const times = [current.atMs];
  const cameSince = ({ generation }: Pick<AgedItem, 'generation'>): boolean => (times[generation] ?? 0) >= sinceMs;
  const goOn = (known: readonly AgedItem[], generation: number, { atMs }: OlderSplit): boolean => {
    times[generation + 1] = atMs;
    if (images === undefined) return cameSince({ generation });
    return known.filter((item) => item.side === 'train' && item.generation < generation).length < images;
  };
  const aged = await withAges(store, items, parentsOf(store, current.split), goOn, signal);
  const sideOf = (side: AgedItem['side']): AgedItem[] => aged.filter((item) => item.side === side);
  const train = images === undefined ? sideOf('train').filter(cameSince) : newest(sideOf('train'), images);
  if (train.length === 0) {
    const seen = `no training image came within ${days ?? 0} days; the newest came ${dateOf(current.atMs)}`;
    throw inputError('RECENT_EMPTY', 'dataset.recent', seen, 'at least one', 'raise days, or use images');
  }
  const oldest = Math.max(...train.map(({ generation }) => generation));
  const test = sideOf('test').filter(({ generation }) => generation <= oldest);
  return { train, test, means: `those that came since ${dateOf(times[oldest] ?? 0)}` };
}

const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
