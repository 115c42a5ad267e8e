import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const ENTRY = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A graft installation of its own: the real command line with its state in `stateDir`. */
export interface GraftCli {
  readonly stateDir: string;
  run(...args: string[]): Promise<CliResult>;
  /** Runs with `--json` and parses the one document of stdout; throws with stderr where the exit code is not 0. */
  json<T>(...args: string[]): Promise<T>;
  /** Processes that belong to this installation, by what they are. */
  processes(): { pid: number; role: ProcessRole }[];
  /** SIGKILL to all processes of these roles; how many there were. */
  kill(...roles: ProcessRole[]): number;
}

export type ProcessRole = 'trainer' | 'worker' | 'supervisor' | 'temporal' | 's3' | 'images' | 'other';

export function graftCli(stateDir: string, cwd: string, env: Record<string, string> = {}): GraftCli {
  const run = async (...args: string[]): Promise<CliResult> => {
    const result = await execa(process.execPath, [ENTRY, ...args], {
      cwd,
      env: { ...env, GRAFT_STATE_DIR: stateDir, NO_COLOR: '1' },
      reject: false,
      stdin: 'ignore',
      // Services outlive the command that starts them: waiting for their output would be waiting for ever.
      cleanup: false,
    });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  };
  const processes = (): { pid: number; role: ProcessRole }[] => processesOf(stateDir);
  return {
    stateDir,
    run,
    processes,
    async json<T>(...args: string[]): Promise<T> {
      const { exitCode, stdout, stderr } = await run(...args, '--json');
      if (exitCode !== 0) throw new Error(`graft ${args.join(' ')} exited with ${exitCode}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    kill(...roles) {
      const found = processes().filter(({ role }) => roles.includes(role));
      for (const { pid } of found) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone in between.
        }
      }
      return found.length;
    },
  };
}

/** By the environment; servers get none of it, and have their folder among their arguments. */
function processesOf(stateDir: string): { pid: number; role: ProcessRole }[] {
  const found: { pid: number; role: ProcessRole }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      const isOurs = environment.includes(`GRAFT_STATE_DIR=${stateDir}`);
      if (!isOurs && !words.some((word) => word.startsWith(`${stateDir}/`))) continue;
      const command = words.join(' ');
      found.push({ pid: Number(name), role: roleOf(command, readlinkSync(`/proc/${name}/exe`)) });
    } catch {
      // Gone, or a zombie.
    }
  }
  return found;
}

function roleOf(command: string, executable: string): ProcessRole {
  if (command.includes('ml-process')) return 'trainer';
  if (command.includes('image-process')) return 'images';
  if (/graft\.mjs worker/.test(command)) return 'worker';
  if (command.includes('supervisor')) return 'supervisor';
  if (/\/temporal(-[\d.]+)?$/.test(executable)) return 'temporal';
  if (/versitygw|minio/.test(executable)) return 's3';
  return 'other';
}
