import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { childEnvironment } from '../config.ts';
import type { EnvironmentSource, Settings } from '../config.ts';

export interface ToolResult {
  /** Null when the tool could not be started or was stopped. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ToolOptions {
  readonly env?: EnvironmentSource;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** Runs a tool to its end without a shell. Never rejects for what the tool does: look at `exitCode`. */
export async function runTool(file: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  const child = execa(file, args, {
    reject: false,
    extendEnv: false,
    env: childEnvironment(options.env),
    stdin: 'ignore',
    forceKillAfterDelay: 5_000,
    maxBuffer: 8 << 20,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  const { onLine } = options;
  if (onLine !== undefined) {
    child.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) onLine(line);
    });
  }
  const result = await child;
  options.signal?.throwIfAborted();
  return {
    exitCode: result.exitCode ?? null,
    stdout: result.stdout,
    stderr: result.stderr === '' && result.failed ? (result.shortMessage ?? '') : result.stderr,
  };
}

/** The first executable of that name on PATH, or null. */
export async function findOnPath(name: string, settings: Pick<Settings, 'searchPath'>): Promise<string | null> {
  for (const folder of settings.searchPath) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return null;
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** PATH as a tool should see it. */
export const pathVariable = (settings: Pick<Settings, 'searchPath'>): string => settings.searchPath.join(delimiter);

/** The last lines of what a tool said, on one line: enough to see why it failed. */
export function lastWords(result: ToolResult, lines = 3): string {
  const said = `${result.stdout}\n${result.stderr}`.split('\n').map((line) => line.trim());
  return said
    .filter((line) => line !== '')
    .slice(-lines)
    .join(' / ');
}
