/** Figures as people read them; all of them pure. The command line's are alike (cli/lib/units.ts). */

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${String(whole)} s`;
  if (whole < 3600) return `${String(Math.floor(whole / 60))} m ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return `${String(Math.floor(minutes / 60))} h ${String(minutes % 60).padStart(2, '0')} m`;
  return `${String(Math.floor(minutes / 1440))} d ${String(Math.floor((minutes % 1440) / 60))} h`;
}

export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toLocaleString('en-GB');

export const plural = (value: number, word: string): string => `${count(value)} ${word}${value === 1 ? '' : 's'}`;

/** A loss or a share, with the digits that tell it from its neighbours. */
export function figure(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return '–';
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) return value.toExponential(2);
  return value.toFixed(digits);
}

/** At most so many significant digits, without trailing zeros: `0.001`, `1.5e-5`, `96`. */
export const short = (value: number): string => String(Number(value.toPrecision(4)));

export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined ? '–' : `${(share * 100).toFixed(digits)} %`;

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(value, 1)) / 10));
  return `${(value / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}

/** `2026-11-24 10:15` in the reader's own time zone. */
export function moment(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `just now`, `4 m ago`, `in 3 h`, and the date when it is more than a month away. */
export function ago(date: Date, nowMs: number): string {
  const seconds = (nowMs - date.getTime()) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return 'just now';
  if (size > 31 * 86_400) return moment(date);
  const [value, unit] =
    size < 60
      ? [size, 's']
      : size < 3600
        ? [size / 60, 'm']
        : size < 86_400
          ? [size / 3600, 'h']
          : [size / 86_400, 'd'];
  const text = `${String(Math.floor(value))} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

export const shortHash = (hash: string): string => hash.slice(0, 10);
