import { asRunId } from './ids.ts';
import type { RunId } from './ids.ts';

/** `<name>-<yyyymmdd>-<hhmmss>-<4 hex>`, in UTC: sorts by time, and two runs of one second differ. */
export function newRunId(name: string, now: Date, random: number): RunId {
  const [date = '', time = ''] = now.toISOString().split('T');
  const suffix = (random & 0xffff).toString(16).padStart(4, '0');
  return asRunId(`${name}-${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${suffix}`);
}
