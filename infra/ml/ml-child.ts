import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { MlCommand } from '../../contracts/ml-protocol.ts';
import { fromSource, programOf } from '../../programs/start.ts';
import { tensorFlowEnv } from '../native/tensorflow-env.ts';
import type { Parallelism } from '../native/tensorflow-env.ts';

/** What an ML process is started with; TensorFlow reads its threads from the environment, as it loads. */
export interface MlChildOptions {
  /** The child's whole environment besides TensorFlow's own variables: no credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Another program in the place of the ML process: for tests. */
  readonly entry?: string | undefined;
}

export function forkMlChild(parallelism: Parallelism, { env, entry }: MlChildOptions): ChildProcess {
  const { path, execArgv } = entry === undefined ? programOf('ml-process') : fromSource(entry);
  return fork(path, [], {
    execArgv: [...execArgv],
    env: { ...env, ...tensorFlowEnv(parallelism) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'json',
  });
}

/**
 * One ML process that has loaded TensorFlow and the trainer before there is a job for it: of a trial on cached codes that
 * was a third of the time. It is never used twice, so a job finds a process as fresh as any; one that waits too long goes.
 */
export class SpareChild {
  private waiting: {
    readonly child: ChildProcess;
    readonly parallelism: Required<Parallelism>;
    readonly timer: NodeJS.Timeout;
  } | null = null;

  private readonly options: MlChildOptions;
  private readonly keptMs: number;

  constructor(options: MlChildOptions, keptMs: number) {
    this.options = options;
    this.keptMs = keptMs;
  }

  /** Starts one, unless one waits that was started likewise. */
  prepare(parallelism: Required<Parallelism>): void {
    if (this.waits(parallelism)) return;
    this.drop();
    const child = forkMlChild(parallelism, this.options);
    const timer = setTimeout(() => {
      if (this.waiting?.child === child) this.drop();
    }, this.keptMs);
    timer.unref();
    this.waiting = { child, parallelism, timer };
    // Killed from outside, or unable to start: the next job starts its own and tells why.
    const forget = (): void => {
      if (this.waiting?.child === child) this.forget();
    };
    child.once('exit', forget).once('error', forget);
    hold(child, false);
    child.send({ kind: 'warm', ...parallelism } satisfies MlCommand, () => undefined);
  }

  /** The one that waits, if TensorFlow spreads its work in it as is wanted. */
  take(parallelism: Required<Parallelism>): ChildProcess | null {
    const { waiting } = this;
    if (waiting === null || !this.waits(parallelism)) return null;
    this.forget();
    if (!waiting.child.connected || waiting.child.exitCode !== null || waiting.child.signalCode !== null) return null;
    hold(waiting.child, true);
    return waiting.child;
  }

  private waits({ threads, parts }: Required<Parallelism>): boolean {
    const { parallelism } = this.waiting ?? {};
    return parallelism?.threads === threads && parallelism.parts === parts;
  }

  private drop(): void {
    const child = this.waiting?.child;
    this.forget();
    child?.kill('SIGKILL');
  }

  private forget(): void {
    clearTimeout(this.waiting?.timer);
    this.waiting = null;
  }
}

/** A child that waits keeps no program from its end. */
function hold(child: ChildProcess, held: boolean): void {
  const how = held ? 'ref' : 'unref';
  child[how]();
  child.channel?.[how]();
  if (child.stderr instanceof Socket) child.stderr[how]();
}
