import { readFileSync, readdirSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** Seconds of processor time that a process has had, by /proc; 0 where there is none. */
function secondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  } catch {
    return 0;
  }
}

/** Of this process and its children that run, but not of those in `but`. */
export function ownCpuSeconds(but: readonly number[] = []): number {
  let children: number[] = [];
  try {
    children = readdirSync('/proc/self/task').flatMap((task) =>
      readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    // No /proc: the children's share stays unknown.
  }
  const usage = process.cpuUsage();
  const own = (usage.user + usage.system) / 1e6;
  return children.filter((pid) => !but.includes(pid)).reduce((sum, pid) => sum + secondsOf(pid), own);
}
