import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { errnoOf } from '../../core/errors.ts';

/** A process, safe against the reuse of its pid: the number with when it started. */
export const ProcessIdentity = z.strictObject({
  pid: z.number().int().positive(),
  /** Opaque: clock ticks since boot and the boot's id on Linux, `ps`'s start time elsewhere. */
  startedAt: z.string().min(1),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** Null when no such process runs (a zombie does not run). */
export function identify(pid: number): ProcessIdentity | null {
  const startedAt = process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid);
  return startedAt === null ? null : { pid, startedAt };
}

/** Whether this very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * proc(5): the state is field 3 of /proc/PID/stat, the start field 22; the name in field 2 may hold anything. A zombie
 * whose other threads still end keeps its ports and files: it counts as running.
 */
function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    const dead = state === 'X' || (state === 'Z' && readdirSync(`/proc/${String(pid)}/task`).length <= 1);
    if (start === undefined || dead) return null;
    return `${start}@${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`;
  } catch {
    return null;
  }
}

function startByPs(pid: number): string | null {
  try {
    const said = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return said === '' || said.startsWith('Z') ? null : said.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}

/**
 * Asks a process to end (SIGTERM), waits, and after `graceMs` makes it (SIGKILL). Resolves once it is gone, to how it
 * went. A pid that now belongs to another process is left alone.
 */
export async function stopProcess(
  identity: ProcessIdentity,
  graceMs: number,
  pollMs = 50,
): Promise<'was gone' | 'ended' | 'killed'> {
  if (!send(identity, 'SIGTERM')) return 'was gone';
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline) {
    if (!isRunning(identity)) return 'ended';
    await sleep(pollMs);
  }
  while (send(identity, 'SIGKILL')) await sleep(pollMs);
  return 'killed';
}

/** False when the process is gone. */
export function send(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}
