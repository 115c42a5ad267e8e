import { availableParallelism } from 'node:os';
import { GraftError, inputError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import type { ImageDecoder, ImageInfo, RenderSpec } from '../ports/image-decoder.ts';
import { ImageChild } from './image-child.ts';
import { DEFAULT_TIMEOUT_MS } from './limits.ts';
import { problemError } from './problem.ts';
import type { ImageReply } from './protocol.ts';

export interface ImageDecoderOptions {
  /** Where the child's environment is taken from: only what a decoder needs goes over, and no credential is among it. */
  readonly env: Readonly<Record<string, string>>;
  /** Pictures decoded at once; the machine's cores by default. */
  readonly inFlight?: number;
  /** For one picture, 30 s by default. */
  readonly timeoutMs?: number;
  /** Another process entry: tests bring one that crashes. */
  readonly entry?: string;
}

/** A crash or timeout may be another picture's fault, or the machine's: so often alone before it is this picture's. */
const STRIKES = 3;

/** Decodes in one long-lived child process, started on first need and again after a crash. */
export function createImageDecoder(options: ImageDecoderOptions): ImageDecoder {
  const pool = new Pool(options);
  const all = async <T>(
    paths: readonly string[],
    render: RenderSpec | null,
    value: (reply: ImageReply) => T,
    signal: AbortSignal | undefined,
  ): Promise<Result<T, GraftError>[]> =>
    Promise.all(
      paths.map(async (path) => {
        const reply = await pool.ask(path, render, signal);
        return reply.ok ? ok(value(reply.value)) : reply;
      }),
    );
  return {
    inspect: (paths, signal) => all(paths, null, infoOf, signal),
    render: (paths, spec, signal) => all(paths, spec, pixelsOf, signal),
    close: () => pool.close(),
  };
}

function infoOf(reply: ImageReply): ImageInfo {
  if (reply.kind === 'info') return reply.info;
  throw new Error(`the image process answered ${reply.kind} to inspect`);
}

function pixelsOf(reply: ImageReply): Uint8Array {
  if (reply.kind === 'pixels') return reply.pixels;
  throw new Error(`the image process answered ${reply.kind} to render`);
}

interface Job {
  readonly path: string;
  readonly render: RenderSpec | null;
  readonly settle: (outcome: Result<ImageReply, GraftError>) => void;
  readonly fail: (error: GraftError) => void;
  /** How often the child died, or was stopped, with this picture in it. */
  strikes: number;
  timedOut: boolean;
  abandoned: boolean;
}

/** Hands pictures to the child, a few at a time; those that were in it when it died go in again one by one. */
class Pool {
  private readonly options: ImageDecoderOptions;
  private readonly inFlight: number;
  private readonly waiting: Job[] = [];
  private readonly suspects: Job[] = [];
  private readonly running = new Map<number, Job>();
  private child: ImageChild | null = null;
  private ids = 0;
  private failedStarts = 0;
  private closed = false;

  constructor(options: ImageDecoderOptions) {
    this.options = options;
    this.inFlight = options.inFlight ?? availableParallelism();
  }

  async ask(path: string, render: RenderSpec | null, signal?: AbortSignal): Promise<Result<ImageReply, GraftError>> {
    if (signal?.aborted) throw cancelled(path, signal.reason);
    if (this.closed) throw cancelled(path, 'the image decoder is closed');
    return new Promise((resolve, reject) => {
      const job: Job = {
        path,
        render,
        strikes: 0,
        timedOut: false,
        abandoned: false,
        settle: (outcome) => {
          signal?.removeEventListener('abort', abandon);
          resolve(outcome);
        },
        fail: (error) => {
          signal?.removeEventListener('abort', abandon);
          reject(error);
        },
      };
      const abandon = (): void => {
        job.abandoned = true;
        reject(cancelled(path, signal?.reason));
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.waiting.push(job);
      this.pump();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.failAll((job) => cancelled(job.path, 'the image decoder is closed'));
    await this.child?.kill();
  }

  private pump(): void {
    for (let job = this.next(); job !== undefined; job = this.next()) {
      const id = ++this.ids;
      this.running.set(id, job);
      this.child ??= this.startChild();
      this.child.send({ id, path: job.path, render: job.render });
    }
    this.child?.holdProcess(this.running.size > 0);
  }

  /** Suspects go alone, so that a second death has one cause. */
  private next(): Job | undefined {
    if (this.suspects.length > 0) return this.running.size === 0 ? this.suspects.shift() : undefined;
    if ([...this.running.values()].some(({ strikes }) => strikes > 0)) return undefined;
    // One more than are decoded, so that no thread waits for the channel.
    while (this.running.size <= this.inFlight) {
      const job = this.waiting.shift();
      if (job?.abandoned !== true) return job;
    }
    return undefined;
  }

  private startChild(): ImageChild {
    return new ImageChild({
      ...this.options,
      threads: this.inFlight,
      onReply: (id, reply) => this.answered(id, reply),
      onTimeout: (id) => {
        const job = this.running.get(id);
        if (job) job.timedOut = true;
      },
      onGone: (wasReady, how) => this.gone(wasReady, how),
    });
  }

  private answered(id: number, reply: ImageReply): void {
    const job = this.running.get(id);
    this.running.delete(id);
    this.failedStarts = 0;
    job?.settle(reply.kind === 'problem' ? err(problemError(reply.problem, job.path)) : ok(reply));
    this.pump();
  }

  private gone(wasReady: boolean, how: string): void {
    this.child = null;
    const inside = [...this.running.values()];
    this.running.clear();
    if (!wasReady) {
      this.waiting.unshift(...inside);
      if (++this.failedStarts >= STRIKES) this.failAll(() => cannotStart(how));
    } else {
      for (const job of inside) this.strike(job, how);
    }
    this.pump();
  }

  private strike(job: Job, how: string): void {
    job.strikes += 1;
    if (job.strikes < STRIKES) {
      if (!job.abandoned) this.suspects.push(job);
      return;
    }
    const timeoutMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    job.settle(err(job.timedOut ? tooSlow(job.path, timeoutMs) : crashed(job.path, how)));
  }

  private failAll(errorOf: (job: Job) => GraftError): void {
    const jobs = [...this.waiting, ...this.suspects, ...this.running.values()];
    this.waiting.length = 0;
    this.suspects.length = 0;
    this.running.clear();
    this.failedStarts = 0;
    for (const job of jobs) job.fail(errorOf(job));
  }
}

const cancelled = (path: string, cause: unknown): GraftError =>
  new GraftError('CANCELLED', { kind: 'cancelled', where: path, seen: 'not decoded: stopped on request' }, { cause });

const crashed = (path: string, how: string): GraftError =>
  inputError('IMAGE_CRASHED', path, `the decoder ${how} on it, ${STRIKES} times`, 'a picture', 'replace or remove it');

const tooSlow = (path: string, timeoutMs: number): GraftError =>
  inputError('IMAGE_TIMEOUT', path, `not decoded in ${timeoutMs} ms`, 'a picture', 'save it smaller, or remove it');

const cannotStart = (how: string): GraftError =>
  new GraftError('IMAGE_DECODER', {
    kind: 'failed',
    where: 'image process',
    seen: how,
    expected: 'a start',
    remedy: 'install the dependencies again (npm ci); sharp needs its binary for this system',
  });
