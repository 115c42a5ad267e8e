import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { messageOf } from '../../core/errors.ts';
import { DEFAULT_TIMEOUT_MS } from './limits.ts';
import { ImageReply } from './protocol.ts';
import type { ImageRequest } from './protocol.ts';

const ENTRY = fileURLToPath(new URL('../image-process.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** What a decoder may see of the environment: where programs and libraries lie, and the language. */
const PASSED_ON = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG', 'TZ'];
const STDERR_KEPT = 2000;

export interface ImageChildOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly entry?: string;
  readonly timeoutMs?: number;
  /** Pictures decoded at once. */
  readonly threads: number;
  onReply(id: number, reply: ImageReply): void;
  /** The child is killed next, and `onGone` follows. */
  onTimeout(id: number): void;
  onGone(wasReady: boolean, how: string): void;
}

/** One child process: asked, watched by the clock, and missed when it is gone. */
export class ImageChild {
  private readonly options: ImageChildOptions;
  private readonly process: ChildProcess;
  private readonly timers = new Map<number, NodeJS.Timeout>();
  private readonly early: ImageRequest[] = [];
  private readonly end: Promise<void>;
  private ready = false;
  private stderr = '';

  constructor(options: ImageChildOptions) {
    this.options = options;
    this.process = fork(options.entry ?? ENTRY, [], {
      execArgv: ['--import', TSX],
      env: environmentOf(options),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Structured clones: pixels go over as they are, not as base64.
      serialization: 'advanced',
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
    });
    this.process.on('message', (message) => this.hear(ImageReply.parse(message)));
    this.end = new Promise((resolve) => {
      let over = false;
      const finish = (how: string): void => {
        if (over) return;
        over = true;
        for (const timer of this.timers.values()) clearTimeout(timer);
        resolve();
        options.onGone(this.ready, how);
      };
      this.process.once('error', (error) => finish(messageOf(error)));
      this.process.once('close', (code, signal) => finish(this.howItEnded(code, signal)));
    });
  }

  send(request: ImageRequest): void {
    if (!this.ready) this.early.push(request);
    else this.pass(request);
  }

  /** Whether this process waits for the child; an idle child keeps nobody. */
  holdProcess(hold: boolean): void {
    const { channel, stderr } = this.process;
    const handles = [this.process, channel, stderr instanceof Socket ? stderr : null];
    for (const handle of handles) {
      if (hold) handle?.ref();
      else handle?.unref();
    }
  }

  async kill(): Promise<void> {
    // Else a process with nothing else to do would end here, in the middle of its work.
    this.holdProcess(true);
    this.process.kill('SIGKILL');
    await this.end;
  }

  private pass(request: ImageRequest): void {
    const { onTimeout, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    const timer = setTimeout(() => {
      onTimeout(request.id);
      this.process.kill('SIGKILL');
    }, timeoutMs);
    this.timers.set(request.id, timer);
    // A channel that breaks means a child that dies: `close` tells.
    this.process.send(request, () => undefined);
  }

  private hear(reply: ImageReply): void {
    if (reply.kind === 'ready') {
      this.ready = true;
      for (const request of this.early.splice(0)) this.pass(request);
      return;
    }
    clearTimeout(this.timers.get(reply.id));
    this.timers.delete(reply.id);
    this.options.onReply(reply.id, reply);
  }

  private howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `exited with ${code ?? 'nothing'}` : `was killed by ${signal}`;
    const said =
      this.stderr
        .trim()
        .split('\n')
        .find((line) => /error/i.test(line)) ?? '';
    return said === '' ? how : `${how} (${said.trim().slice(0, 200)})`;
  }
}

function environmentOf({ env, threads }: ImageChildOptions): Record<string, string> {
  const passed = Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  // A thread of libuv's pool for each picture and some for files; fewer arenas, because they keep what they once had.
  return { ...passed, UV_THREADPOOL_SIZE: String(threads + 4), MALLOC_ARENA_MAX: '2' };
}
