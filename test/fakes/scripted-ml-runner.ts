import type { MlEvent, MlJob, ScoreBatch } from '../../contracts/ml-protocol.ts';
import { transientError } from '../../core/errors.ts';
import { BatchQueue } from '../../infra/ml/batch-queue.ts';
import type { MlRunner, MlSession } from '../../infra/ports/ml-runner.ts';

/** What a script may do in the place of an ML child process. */
export interface ScriptHost {
  readonly job: MlJob;
  emit(event: MlEvent): void;
  /** Resolves when the worker asks for an orderly end. */
  readonly stopRequested: Promise<void>;
  /** What a served model is handed; ends with the request for an end. */
  readonly batches: AsyncIterable<ScoreBatch>;
}

/** Runs in the place of a child process; throwing is a crash of it. */
export type Script = (host: ScriptHost) => Promise<void> | void;

export interface ScriptedMlRunner extends MlRunner {
  /** The jobs that were started, in order. */
  readonly jobs: readonly MlJob[];
  /** How many threads each was given. */
  readonly threads: readonly number[];
  /** How the sessions were ended by the worker, in order. */
  readonly endings: readonly ('stop' | 'kill')[];
}

/** Plays one script a job, in order; one more job than scripts is an error. */
export function createScriptedMlRunner(scripts: readonly Script[], defaultThreads = 2): ScriptedMlRunner {
  const jobs: MlJob[] = [];
  const threads: number[] = [];
  const endings: ('stop' | 'kill')[] = [];
  return {
    defaultThreads,
    jobs,
    threads,
    endings,
    start(job, given) {
      const script = scripts[jobs.length];
      if (!script) throw new Error(`no script for job ${jobs.length + 1}`);
      jobs.push(job);
      threads.push(given.threads);
      return startSession(job, script, endings);
    },
  };
}

function startSession(job: MlJob, script: Script, endings: ('stop' | 'kill')[]): MlSession {
  const said: MlEvent[] = [];
  const batches = new BatchQueue();
  let state: 'running' | 'ended' | 'crashed' = 'running';
  let wake: () => void = () => undefined;
  let stop: () => void = () => undefined;
  const stopRequested = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const emit = (event: MlEvent): void => {
    if (state === 'running') said.push(event);
    wake();
  };
  const finish = (how: 'ended' | 'crashed'): void => {
    if (state === 'running') state = how;
    wake();
  };
  // After the constructor's own turn: a child process says nothing before it was started.
  const done = Promise.resolve()
    .then(() => script({ job, emit, stopRequested, batches }))
    .then(
      () => finish('ended'),
      () => finish('crashed'),
    );
  async function* events(): AsyncGenerator<MlEvent> {
    for (;;) {
      const event = said.shift();
      if (event) yield event;
      else if (state === 'ended') return;
      else if (state === 'crashed') throw transientError('ML_CRASHED', 'ML process', 'killed by SIGKILL');
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    pid: 0,
    events: { [Symbol.asyncIterator]: events },
    score: (batch) => {
      batches.push(batch);
    },
    async stop() {
      if (state === 'running') endings.push('stop');
      batches.end();
      stop();
      await done;
    },
    kill() {
      if (state === 'running') endings.push('kill');
      finish('crashed');
      return Promise.resolve();
    },
  };
}
