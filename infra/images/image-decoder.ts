import { availableParallelism } from 'node:os';
import type { GraftError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { settings } from '../config.ts';
import { findResampler } from '../native/resampler.ts';
import type { ImageDecoder, ImageInfo, PictureFile, RenderSpec } from '../ports/image-decoder.ts';
import { cancelled, cannotStart, crashed, notHandedOver, tooSlow } from './decoder-faults.ts';
import { ImageChild, REQUESTS_AT_ONCE } from './image-child.ts';
import type { Handed } from './image-child.ts';
import { DEFAULT_TIMEOUT_MS } from './limits.ts';
import { problemError } from './problem.ts';
import { BATCH_BYTES, BATCH_PICTURES } from './protocol.ts';
import type { PictureReply } from './protocol.ts';
import { jpegDecoderName } from './turbo-jpeg.ts';

export interface ImageDecoderOptions {
  /** Where the children's environment is taken from: only what a decoder needs goes over, and no credential is in it. */
  readonly env: Readonly<Record<string, string>>;
  /** Child processes, each with one picture at a time; the machine's cores by default, at most 8. */
  readonly processes?: number;
  /** For one picture, 30 s by default. */
  readonly timeoutMs?: number;
  /** Another process entry: tests bring one that crashes. */
  readonly entry?: string;
}

/** A crash or timeout may be another picture's fault, or the machine's: so often alone before it is this picture's. */
const STRIKES = 3;
const MOST_PROCESSES = 8;
/** A child more is started for so many pictures more. */
const PICTURES_PER_CHILD = 4;

/** Decodes in long-lived child processes, started on first need and again after a crash. */
export function createImageDecoder(options: ImageDecoderOptions): ImageDecoder {
  const pool = new Pool(options);
  const all = async <T>(
    questions: readonly Question[],
    value: (answer: Answer) => T,
    signal: AbortSignal | undefined,
  ): Promise<Result<T, GraftError>[]> => {
    await pool.prepared();
    return Promise.all(
      questions.map(async (question) => {
        const answer = await pool.ask(question, signal);
        return answer.ok ? ok(value(answer.value)) : answer;
      }),
    );
  };
  return {
    name: jpegDecoderName(),
    inspect: (pictures, signal) => all(pictures.map(toInspect), infoOf, signal),
    read: (files, signal) => {
      const questions = files.map(({ path, sizeBytes }) => ({ ...toInspect(path), room: sizeBytes }));
      return all(questions, (answer) => ({ info: infoOf(answer), bytes: answer.bytes }), signal);
    },
    render: (pictures, spec, into, signal) => {
      const rowBytes = spec.heightPx * spec.widthPx * spec.channels;
      const questions = pictures.map((picture, index) => {
        const target = into.subarray(index * rowBytes, (index + 1) * rowBytes);
        return { ...toInspect(picture), rendering: { spec, target } };
      });
      return all(questions, () => undefined, signal);
    },
    close: () => pool.close(),
  };
}

const toInspect = (picture: PictureFile): Question => {
  const { path, bytes } = typeof picture === 'string' ? { path: picture, bytes: null } : picture;
  return { path, bytes, room: null, rendering: null };
};

function infoOf({ reply }: Answer): ImageInfo {
  if (reply.kind === 'info') return reply.info;
  throw new Error(`the image process answered ${reply.kind} to inspect`);
}

/** How a picture is to be rendered, and where to. */
interface Rendering {
  readonly spec: RenderSpec;
  readonly target: Uint8Array;
}

/** What is to be done with a picture. */
interface Question {
  readonly path: string;
  /** Null where the child reads the file. */
  readonly bytes: Uint8Array | null;
  /** How many bytes are wanted back of a file that the child reads; null for none. */
  readonly room: number | null;
  readonly rendering: Rendering | null;
}

interface Answer {
  readonly reply: PictureReply;
  /** What came back of the file. */
  readonly bytes: Uint8Array | null;
}

interface Job extends Question {
  readonly settle: (outcome: Result<Answer, GraftError>) => void;
  readonly fail: (error: GraftError) => void;
  /** How often a child died, or was stopped, with this picture in the request it worked on. */
  strikes: number;
  timedOut: boolean;
  abandoned: boolean;
}

/** A child and the requests it has, by id, in order. */
interface Worker {
  readonly child: ImageChild;
  readonly requests: Map<number, readonly Job[]>;
}

/** Hands pictures to children in batches; those of the batch in which a child died go in again one by one. */
class Pool {
  private readonly options: ImageDecoderOptions;
  private readonly processes: number;
  private readonly waiting: Job[] = [];
  private readonly suspects: Job[] = [];
  private readonly workers = new Set<Worker>();
  private resampler: string | null = null;
  private preparing: Promise<void> | null = null;
  private ids = 0;
  private failedStarts = 0;
  private closed = false;

  constructor(options: ImageDecoderOptions) {
    this.options = options;
    this.processes = options.processes ?? Math.min(availableParallelism(), MOST_PROCESSES);
  }

  /** Once, before the first child: seconds where the native resampler has to be compiled, which is once a machine. */
  prepared(): Promise<void> {
    this.preparing ??= findResampler(settings(), true).then((found) => {
      this.resampler = found.kind === 'ready' ? found.path : null;
    });
    return this.preparing;
  }

  async ask(question: Question, signal?: AbortSignal): Promise<Result<Answer, GraftError>> {
    const { path } = question;
    if (signal?.aborted) throw cancelled(path, signal.reason);
    if (this.closed) throw cancelled(path, 'the image decoder is closed');
    return new Promise((resolve, reject) => {
      const rest = (): void => signal?.removeEventListener('abort', abandon);
      const job: Job = {
        ...question,
        strikes: 0,
        timedOut: false,
        abandoned: false,
        settle: (outcome) => {
          rest();
          resolve(outcome);
        },
        fail: (error) => {
          rest();
          reject(error);
        },
      };
      const abandon = (): void => {
        job.abandoned = true;
        reject(cancelled(path, signal?.reason));
        this.stopIdly();
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.waiting.push(job);
      // Later, so that pictures which are asked for together go together.
      if (this.waiting.length === 1) queueMicrotask(() => this.pump());
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.failAll((job) => cancelled(job.path, 'the image decoder is closed'));
    await Promise.all([...this.workers].map(({ child }) => child.kill()));
  }

  /** Ends children that work for nobody any more: their work may never end. */
  private stopIdly(): void {
    for (const { child, requests } of this.workers) {
      const jobs = [...requests.values()].flat();
      if (jobs.length > 0 && jobs.every(({ abandoned }) => abandoned)) void child.kill();
    }
  }

  private pump(): void {
    if (this.closed) return;
    this.addWorkers();
    for (let round = 0; round < REQUESTS_AT_ONCE; round++) {
      for (const worker of this.workers) {
        const jobs = this.next(worker);
        if (jobs !== undefined) this.hand(jobs, worker);
      }
    }
    for (const { child, requests } of this.workers) child.holdProcess(requests.size > 0);
  }

  private addWorkers(): void {
    const open = this.waiting.length + this.suspects.length + this.jobsInside().length;
    const wanted = Math.min(this.processes, Math.ceil(open / PICTURES_PER_CHILD));
    while (this.workers.size < wanted) this.workers.add(this.startWorker());
  }

  private hand(jobs: readonly Job[], { child, requests }: Worker): void {
    const id = ++this.ids;
    const sizes = jobs.map(({ bytes, room }) => bytes?.length ?? room);
    const bytes = jobs.flatMap((job) => job.bytes ?? []);
    const [first] = jobs;
    const how = { render: first?.rendering?.spec ?? null, back: first !== undefined && first.room !== null };
    try {
      child.ask({ id, paths: jobs.map(({ path }) => path), sizes, bytes, ...how });
      requests.set(id, jobs);
    } catch (error) {
      // The disk that the hand-over file lies on is full.
      for (const job of jobs) job.fail(notHandedOver(job.path, error));
    }
  }

  /** Suspects go alone into an idle child, so that a second death has one cause. */
  private next({ child, requests }: Worker): readonly Job[] | undefined {
    if (child.room === 0 || [...requests.values()].flat().some(({ strikes }) => strikes > 0)) return undefined;
    if (requests.size === 0) {
      const suspect = this.suspects.shift();
      if (suspect !== undefined) return [suspect];
    }
    const batch: Job[] = [];
    const most = Math.ceil(this.waiting.length / (REQUESTS_AT_ONCE * this.workers.size));
    for (let [job] = this.waiting; job !== undefined; [job] = this.waiting) {
      const isFull = batch.length >= Math.min(most, BATCH_PICTURES, picturesThatFit(job));
      if (batch.length > 0 && (isFull || !isSameKind(job, batch[0]))) break;
      this.waiting.shift();
      if (!job.abandoned) batch.push(job);
    }
    return batch.length === 0 ? undefined : batch;
  }

  private startWorker(): Worker {
    const requests = new Map<number, readonly Job[]>();
    const child: ImageChild = new ImageChild({
      ...this.options,
      resampler: this.resampler,
      onDone: (id, replies, handed) => this.answered(worker, id, replies, handed),
      onTimeout: (id) => requests.get(id)?.forEach((job) => (job.timedOut = true)),
      onGone: (wasReady, how) => this.gone(worker, wasReady, how),
    });
    const worker = { child, requests };
    return worker;
  }

  private answered({ requests }: Worker, id: number, replies: readonly PictureReply[], handed: Handed): void {
    const jobs = requests.get(id) ?? [];
    requests.delete(id);
    this.failedStarts = 0;
    jobs.forEach((job, i) => {
      const reply = replies[i];
      if (reply === undefined) throw new Error('the image process left a picture out');
      // What was abandoned has no place any more.
      if (reply.kind === 'pixels' && job.rendering !== null && !job.abandoned) handed.pixels(i, job.rendering.target);
      const bytes = reply.kind === 'info' && reply.back === true && !job.abandoned ? handed.bytes(i) : null;
      job.settle(reply.kind === 'problem' ? err(problemError(reply.problem, job.path)) : ok({ reply, bytes }));
    });
    this.pump();
  }

  private gone(worker: Worker, wasReady: boolean, how: string): void {
    this.workers.delete(worker);
    const [current = [], ...others] = [...worker.requests.values()];
    worker.requests.clear();
    this.waiting.unshift(...(wasReady ? others.flat() : [current, ...others].flat()));
    if (wasReady) for (const job of current) this.strike(job, how);
    else if (++this.failedStarts >= STRIKES) this.failAll(() => cannotStart(how));
    this.pump();
  }

  private strike(job: Job, how: string): void {
    if (job.abandoned) return;
    job.strikes += 1;
    if (job.strikes < STRIKES) {
      this.suspects.push(job);
      return;
    }
    const timeoutMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    job.settle(err(job.timedOut ? tooSlow(job.path, timeoutMs) : crashed(job.path, how, STRIKES)));
  }

  private jobsInside(): Job[] {
    return [...this.workers].flatMap(({ requests }) => [...requests.values()].flat());
  }

  private failAll(errorOf: (job: Job) => GraftError): void {
    const jobs = [...this.waiting, ...this.suspects, ...this.jobsInside()];
    this.waiting.length = 0;
    this.suspects.length = 0;
    for (const { requests } of this.workers) requests.clear();
    this.failedStarts = 0;
    for (const job of jobs) job.fail(errorOf(job));
  }
}

function isSameKind({ rendering: a, room }: Job, other: Job | undefined): boolean {
  const b = other?.rendering ?? null;
  if ((room === null) !== ((other?.room ?? null) === null)) return false;
  return a?.spec === b?.spec || (a !== null && b !== null && JSON.stringify(a.spec) === JSON.stringify(b.spec));
}

function picturesThatFit({ rendering }: Job): number {
  return rendering === null ? BATCH_PICTURES : Math.max(1, Math.floor(BATCH_BYTES / rendering.target.length));
}
