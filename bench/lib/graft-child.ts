import type { MlEvent, MlJob } from '../../contracts/ml-protocol.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import type { MlSession } from '../../infra/ports/ml-runner.ts';
import { peakMemoryMb } from './peak-memory.ts';

const runner = createMlRunner({ env: childEnvironment({}, { secrets: false }) });
/** How many threads graft's child gets, and the peers too: the cores that this process may use. */
export const threads = runner.defaultThreads;

/** Memory is looked at this often, and with every event: the last look before the child goes is the one that counts. */
const LOOK_EVERY_MS = 100;

export interface WatchedChild {
  readonly session: MlSession;
  /** When it was started: `performance.now()`. */
  readonly startedMs: number;
  /** What the child says, and when it was heard: `performance.now()`. Throws what the child failed with. */
  readonly events: AsyncIterable<{ readonly event: MlEvent; readonly atMs: number }>;
  peakMb(): number | null;
}

/** A job in graft's own child process, as the worker starts it, with an eye on its memory. */
export function startJob(job: MlJob): WatchedChild {
  const startedMs = performance.now();
  const session = runner.start(job, { threads });
  let peak: number | null = null;
  const look = (): void => {
    peak = peakMemoryMb(session.pid) ?? peak;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  async function* heard(): AsyncGenerator<{ event: MlEvent; atMs: number }> {
    try {
      for await (const event of session.events) {
        const atMs = performance.now();
        look();
        if (event.kind === 'failed') throw new Error(`${event.code}: ${event.where}: ${event.seen}`);
        yield { event, atMs };
      }
    } finally {
      look();
      clearInterval(timer);
    }
  }
  return { session, startedMs, events: heard(), peakMb: () => peak };
}
