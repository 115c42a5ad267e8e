import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { GraftError } from '../../core/errors.ts';
import { messageOf, transientError } from '../../core/errors.ts';
import { batchParts } from '../../core/training/step-threads.ts';
import { MlEvent } from '../../contracts/ml-protocol.ts';
import type { MlJob, TrainJob } from '../../contracts/ml-protocol.ts';
import type { MlRunner, MlSession } from '../ports/ml-runner.ts';
import { SpareChild, forkMlChild } from './ml-child.ts';
import type { MlChildOptions } from './ml-child.ts';
import { NextJob, loadsAtEnd, occasionOf } from './next-job.ts';
import type { Occasion, Wanted } from './next-job.ts';
import type { Parallelism } from '../native/tensorflow-env.ts';

/** How much of what a dying child wrote to stderr goes into the error. */
const STDERR_KEPT = 4000;

export interface MlRunnerOptions extends MlChildOptions {
  readonly defaultThreads?: number;
  /** For how long a process that was started for the next job waits for it; 0 (default): none is started. */
  readonly spareMs?: number;
}

/** A runner that can be told of what is no job of its own. */
export interface ForeseeingRunner extends MlRunner {
  /** Pictures are almost rendered: what is done with them then comes next. */
  expectJob(): void;
}

/** Starts each job in a child process of its own: native TensorFlow holds the thread, and may take the process with it. */
export function createMlRunner({ defaultThreads: given, spareMs = 0, ...options }: MlRunnerOptions): ForeseeingRunner {
  const defaultThreads = given ?? availableParallelism();
  const spare = spareMs > 0 ? new SpareChild(options, spareMs) : null;
  const next = new NextJob({ defaultThreads, keptMs: spareMs, nowMs: () => performance.now() });
  const prepareAfter = (occasion: Occasion, own: Wanted | null): void => {
    const wanted = next.after(occasion, own);
    if (wanted !== null) spare?.prepare(wanted);
  };
  return {
    defaultThreads,
    start: (job, { threads }) => {
      const parallelism = { threads, parts: batchPartsOf(job, threads) };
      const occasion = occasionOf(job);
      next.starts(occasion, parallelism);
      const child = spare?.take(parallelism) ?? forkMlChild(parallelism, options);
      return startSession(child, job, parallelism, ({ kind }) => {
        if (isLast(kind)) next.ends(occasion);
        const isTime = loadsAtEnd(occasion) ? kind === 'trained' || kind === 'evaluated' : kind === 'ready';
        if (isTime) prepareAfter(occasion, parallelism);
      });
    },
    expectJob: () => {
      next.renders();
      prepareAfter('rendering', null);
    },
  };
}

/** A classifier's steps from pixels go through in parts; what other jobs ask is not of batches, or not of pictures. */
function batchPartsOf(job: MlJob, threads: number): number {
  const train = trainingOf(job);
  if (train === null || train.model.detector !== undefined || train.reads.kind !== 'pixels') return 1;
  return batchParts(train.config.batchSize, threads);
}

/** The training whose steps a job makes, from pixels or not. */
function trainingOf(job: MlJob): TrainJob | null {
  if (job.kind === 'train') return job;
  if (job.kind === 'range-test') return job.train;
  return job.kind === 'measure' && !job.keepsCodes ? job.train : null;
}

function startSession(
  child: ChildProcess,
  job: MlJob,
  parallelism: Required<Parallelism>,
  onEvent: (event: MlEvent) => void,
): MlSession {
  const queue = new EventQueue();
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  let said = false;
  child.on('message', (message) => {
    const event = MlEvent.safeParse(message);
    if (event.success) {
      said ||= isLast(event.data.kind);
      onEvent(event.data);
      queue.push(event.data);
    } else {
      queue.fail(misunderstood(child.pid, event.error.message));
      child.kill('SIGKILL');
    }
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', (code, signal) => {
      if (said) queue.end();
      else queue.fail(crashed(child.pid, code, signal, stderr));
      resolve();
    });
  });
  child.on('error', (error) => {
    // A message to a dead child is an error as well; its death is told of by `close`.
    if (child.pid !== undefined) return;
    queue.fail(
      transientError(
        'ML_START',
        'ML process',
        messageOf(error),
        'a child process',
        'check memory and process limits',
        error,
      ),
    );
  });
  child.send({ kind: 'run', job, ...parallelism });
  return {
    pid: child.pid ?? -1,
    events: queue,
    score: (batch) => {
      if (child.connected) child.send(batch);
    },
    stop: (deadlineMs) => stopWithin(child, gone, deadlineMs),
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Whether the job has said all it has to say. */
function isLast(kind: MlEvent['kind']): boolean {
  return ['stopped', 'extracted', 'trained', 'evaluated', 'predicted', 'exported', 'served', 'failed'].includes(kind);
}

async function stopWithin(child: ChildProcess, gone: Promise<void>, deadlineMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.send({ kind: 'stop' });
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  await gone;
  clearTimeout(timer);
}

/** JSON has no NaN: a figure that is no number arrives as null. */
function misunderstood(pid: number | undefined, seen: string): GraftError {
  const expected = 'a message of contracts/ml-protocol.ts';
  return transientError('ML_PROTOCOL', `ML process ${pid ?? ''}`, seen.slice(0, 300), expected, 'see the worker’s log');
}

function crashed(pid: number | undefined, code: number | null, signal: string | null, stderr: string): GraftError {
  const how = signal ? `killed by ${signal}` : `exited with ${code}`;
  const tail = stderr.trim().split('\n').slice(-3).join(' | ');
  const remedy =
    signal === 'SIGKILL'
      ? 'it is started again from its last checkpoint; if this repeats, it may lack memory: lower train.batchSize'
      : 'it is started again from its last checkpoint; graft doctor checks TensorFlow';
  return transientError(
    'ML_CRASHED',
    `ML process ${pid ?? ''}`,
    tail ? `${how} (${tail})` : how,
    'an orderly end',
    remedy,
  );
}

/** An unbounded queue is right here: a child says a few small things a second, and the reader only waits for uploads. */
class EventQueue implements AsyncIterable<MlEvent> {
  private readonly waiting: MlEvent[] = [];
  private state: { kind: 'open' } | { kind: 'ended' } | { kind: 'failed'; error: GraftError } = { kind: 'open' };
  private wake: () => void = () => undefined;

  push(event: MlEvent): void {
    this.waiting.push(event);
    this.wake();
  }

  end(): void {
    if (this.state.kind === 'open') this.state = { kind: 'ended' };
    this.wake();
  }

  fail(error: GraftError): void {
    if (this.state.kind === 'open') this.state = { kind: 'failed', error };
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<MlEvent> {
    for (;;) {
      const event = this.waiting.shift();
      if (event) {
        yield event;
        continue;
      }
      if (this.state.kind === 'failed') throw this.state.error;
      if (this.state.kind === 'ended') return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
