import { isAbsolute } from 'node:path';
import { execa } from 'execa';
import { inputError, transientError } from '../../core/errors.ts';

interface Call {
  /** For its standard input. */
  readonly input: string;
  /** What errors call it. */
  readonly shown: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** sysexits.h: the caller is wrong, and another try would be as well. */
const EX_USAGE = 64;

/**
 * Runs a program, without a shell and without arguments. It is named by the worker's environment alone, so that nobody
 * who may start a run can make a worker execute something of theirs. Exit codes: 0 taken, 64 refused, else once more.
 */
export async function runCommand(path: string, { input, shown, env, signal }: Call): Promise<void> {
  if (!isAbsolute(path))
    throw inputError('NOTIFY_SECRET', shown, 'a relative path', 'an absolute path', `correct ${shown}`);
  const options = { input, env, extendEnv: false, reject: false, cancelSignal: signal, maxBuffer: 1 << 20 } as const;
  const result = await execa(path, [], { ...options, forceKillAfterDelay: 1_000 });
  if (!result.failed) return;
  if (signal.aborted) throw transientError('NOTIFY_FAILED', shown, 'it did not end in time', 'exit code 0');
  const isMissing = result.code === 'ENOENT' || result.code === 'EACCES';
  if (isMissing)
    throw inputError('NOTIFY_SECRET', shown, 'no program that can be run', 'a program', `correct ${shown}`);
  if (result.exitCode === EX_USAGE) throw inputError('NOTIFY_REFUSED', shown, 'exit code 64', 'exit code 0');
  throw transientError('NOTIFY_FAILED', shown, `exit code ${result.exitCode ?? 'none'}`, 'exit code 0');
}
