import { fork } from 'node:child_process';
import type { ChildProcess, StdioNull, StdioOptions, StdioPipe } from 'node:child_process';
import { Socket } from 'node:net';
import { messageOf } from '../../core/errors.ts';
import { fromSource, programOf } from '../../programs/start.ts';
import { freePlace } from './free-place.ts';
import { HandOver } from './hand-over.ts';
import { DEFAULT_TIMEOUT_MS } from './limits.ts';
import { HAND_OVER_FD, ImageReply } from './protocol.ts';
import type { ImageRequest, PictureReply } from './protocol.ts';

/** What a decoder may see of the environment: where programs and libraries lie, and the language. */
const PASSED_ON = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'TMPDIR', 'TEMP', 'SystemRoot', 'LANG', 'TZ'];
const STDERR_KEPT = 2000;

export interface ImageChildOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly entry?: string;
  readonly timeoutMs?: number;
  /** Where the native resampler lies; null where there is none. */
  readonly resampler: string | null;
  /** `handed` gives what the child left in the hand-over file, now or never. */
  onDone(id: number, pictures: readonly PictureReply[], handed: Handed): void;
  /** It takes too long over this request; it is killed next, and `onGone` follows. */
  onTimeout(id: number): void;
  onGone(wasReady: boolean, how: string): void;
}

/** What a child has left of the pictures of a request. */
export interface Handed {
  /** Fills `target` with a picture's pixels. */
  pixels(picture: number, target: Uint8Array): void;
  /** The bytes of a picture that the child has read. */
  bytes(picture: number): Uint8Array;
}

/** What a child is asked: a request that does not know yet where its pixels go; `bytes` of the pictures that have `sizes`. */
export interface ImageQuestion extends Omit<ImageRequest, 'offset'> {
  readonly bytes: readonly Uint8Array[];
}

/** Requests that a child has at once, so that it never waits for its parent, which may have other things to do. */
export const REQUESTS_AT_ONCE = 4;
/** Threads of libuv's pool: one works on the picture that the child has, some are for files. */
const POOL_THREADS = 4;

/** One child process: asked, watched by the clock, and missed when it is gone. */
export class ImageChild {
  private readonly options: ImageChildOptions;
  private readonly process: ChildProcess;
  private readonly handOver = new HandOver();
  /** What it was asked and has not answered, in order; sent once it is ready. */
  private readonly asked: ImageRequest[] = [];
  private timer: NodeJS.Timeout | undefined;
  private readonly end: Promise<void>;
  private ready = false;
  private isGone = false;
  private stderr = '';

  constructor(options: ImageChildOptions) {
    this.options = options;
    const { path, execArgv } = options.entry === undefined ? programOf('image-process') : fromSource(options.entry);
    this.process = fork(path, options.resampler === null ? [] : [options.resampler], {
      execArgv: [...execArgv],
      env: environmentOf(options),
      stdio: stdioOf(this.handOver),
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
    });
    this.process.on('message', (message) => this.hear(ImageReply.parse(message)));
    this.end = new Promise((resolve) => {
      const finish = (how: string): void => {
        if (this.isGone) return;
        this.isGone = true;
        clearTimeout(this.timer);
        this.handOver.close();
        resolve();
        options.onGone(this.ready, how);
      };
      this.process.once('error', (error) => finish(messageOf(error)));
      this.process.once('close', (code, signal) => finish(this.howItEnded(code, signal)));
    });
  }

  /** How many more requests it takes. */
  get room(): number {
    return REQUESTS_AT_ONCE - this.asked.length;
  }

  /** Only while there is room. Throws, and asks nothing, where the bytes can't be handed over. */
  ask({ bytes, ...question }: ImageQuestion): void {
    const taken = this.asked.map((request) => ({ offset: request.offset, size: handedBytes(request) }));
    const request = { ...question, offset: freePlace(taken, handedBytes(question)) };
    if (bytes.length > 0) this.handOver.write(request.offset + pixelBytes(request), Buffer.concat(bytes));
    this.asked.push(request);
    if (this.ready) this.send(request);
    if (this.asked.length === 1) this.watch();
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

  private send(request: ImageRequest): void {
    // A channel that breaks means a child that dies: `close` tells.
    this.process.send(request, () => undefined);
  }

  /** The clock starts again with every sign of life. */
  private watch(): void {
    const { onTimeout, timeoutMs = DEFAULT_TIMEOUT_MS } = this.options;
    clearTimeout(this.timer);
    const [current] = this.asked;
    if (!this.ready || current === undefined) return;
    this.timer = setTimeout(() => {
      onTimeout(current.id);
      this.process.kill('SIGKILL');
    }, timeoutMs);
  }

  private hear(reply: ImageReply): void {
    if (this.isGone) return;
    if (reply.kind === 'ready') {
      this.ready = true;
      for (const request of this.asked) this.send(request);
    }
    const [current] = this.asked;
    if (reply.kind === 'done' && current !== undefined) {
      this.asked.shift();
      this.options.onDone(reply.id, reply.pictures, handedBy(current, this.handOver));
    }
    this.watch();
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

type Extent = Pick<ImageRequest, 'paths' | 'render' | 'sizes'>;

function pixelBytes({ paths, render }: Pick<Extent, 'paths' | 'render'>): number {
  return render === null ? 0 : paths.length * render.heightPx * render.widthPx * render.channels;
}

function handedBy(request: ImageRequest, handOver: HandOver): Handed {
  const { offset, sizes, paths } = request;
  const rowBytes = pixelBytes(request) / paths.length;
  return {
    pixels: (picture, target) => handOver.read(offset + picture * rowBytes, target),
    bytes: (picture) => {
      const before = handedBytes({ ...request, sizes: sizes.slice(0, picture) });
      // Memory of its own: a slice of a pool would keep all of it.
      const bytes = Buffer.allocUnsafeSlow(sizes[picture] ?? 0);
      handOver.read(offset + before, bytes);
      return bytes;
    },
  };
}

/** What a request takes of the hand-over file. */
function handedBytes(request: Extent): number {
  return request.sizes.reduce((sum: number, size) => sum + (size ?? 0), pixelBytes(request));
}

function stdioOf({ descriptor }: HandOver): StdioOptions {
  const stdio: (StdioNull | StdioPipe | 'ipc' | number)[] = ['ignore', 'ignore', 'pipe', 'ipc'];
  stdio[HAND_OVER_FD] = descriptor;
  return stdio;
}

function environmentOf({ env }: ImageChildOptions): Record<string, string> {
  const passed = Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  // Fewer arenas, because they keep what they once had.
  return { ...passed, UV_THREADPOOL_SIZE: String(POOL_THREADS), MALLOC_ARENA_MAX: '2' };
}
