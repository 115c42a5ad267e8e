import type { MlJob } from '../../contracts/ml-protocol.ts';
import { batchParts } from '../../core/training/step-threads.ts';
import type { Parallelism } from '../native/tensorflow-env.ts';

/** After which a job may come: another one, or pictures that are being rendered. */
export type Occasion = 'rendering' | 'train on pixels' | Exclude<MlJob['kind'], 'train'> | 'train';

/** What a job's process is to be started with. */
export type Wanted = Required<Parallelism>;

export const occasionOf = (job: MlJob): Occasion =>
  job.kind === 'train' && job.reads.kind === 'pixels' ? 'train on pixels' : job.kind;

/** Jobs that have use for all cores while they last, or last longer than a process waits: the next one loads as they end. */
export const loadsAtEnd = (occasion: Occasion): boolean => occasion === 'train on pixels' || occasion === 'evaluate';

/** The batch size that configurations have which name none. */
const USUAL_BATCH = 32;

/**
 * Tells which process the next job will want: that which was wanted last time on the same occasion. A run evaluates what it
 * has trained, a sweep trains again: a worker mostly goes on with what it does. A wrong guess costs a process that waits in
 * vain, and no more.
 */
export class NextJob {
  private readonly defaultThreads: number;
  private readonly keptMs: number;
  private readonly nowMs: () => number;
  /** What followed; null where nothing did for as long as a process waits. */
  private readonly followed = new Map<Occasion, Wanted | null>();
  private last: { readonly occasion: Occasion; endedMs: number | null } | null = null;

  constructor(options: { readonly defaultThreads: number; readonly keptMs: number; readonly nowMs: () => number }) {
    this.defaultThreads = options.defaultThreads;
    this.keptMs = options.keptMs;
    this.nowMs = options.nowMs;
  }

  starts(occasion: Occasion, wanted: Wanted): void {
    if (this.last !== null) {
      const { endedMs } = this.last;
      const late = endedMs !== null && this.nowMs() - endedMs > this.keptMs;
      this.followed.set(this.last.occasion, late ? null : wanted);
    }
    this.last = { occasion, endedMs: null };
  }

  /** The job that was started last has said its last word. */
  ends(occasion: Occasion): void {
    if (this.last?.occasion === occasion) this.last.endedMs = this.nowMs();
  }

  renders(): void {
    this.last = { occasion: 'rendering', endedMs: this.nowMs() };
  }

  /** Null where nothing is expected; `own` is what the job itself was started with. */
  after(occasion: Occasion, own: Wanted | null): Wanted | null {
    const known = this.followed.get(occasion);
    if (known !== undefined) return known;
    const threads = this.defaultThreads;
    if (occasion === 'rendering') return { threads, parts: batchParts(USUAL_BATCH, threads) };
    // Its evaluation.
    if (occasion === 'train on pixels') return { threads, parts: 1 };
    return occasion === 'evaluate' ? null : own;
  }
}
