import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A Python program that answers JSON lines with JSON lines. */
export interface PythonPeer {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly hello: unknown;
  ask(request: unknown): Promise<unknown>;
  close(): void;
}

/** Starts `script` with the interpreter that GRAFT_BENCH_PYTHON names; null where that is unset or can't run it. */
export async function startPeer(script: string, parameters: readonly string[]): Promise<PythonPeer | null> {
  const python = process.env['GRAFT_BENCH_PYTHON'] ?? '';
  if (python === '') return null;
  const child = spawn(python, [script, ...parameters], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    return line.done === true ? null : JSON.parse(line.value);
  };
  const hello = await next();
  if (hello === null || child.pid === undefined) return null;
  return {
    pid: child.pid,
    hello,
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next();
    },
    close: () => child.stdin.end(),
  };
}
