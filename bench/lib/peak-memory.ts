import { readFileSync } from 'node:fs';

/** The most memory that a living process has ever had resident, in MiB; null where the system does not tell. */
export function peakMemoryMb(pid: number): number | null {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? null : Number(kib) / 1024;
  } catch {
    // Gone, or no /proc.
    return null;
  }
}
