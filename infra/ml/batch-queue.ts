import type { ScoreBatch } from '../../contracts/ml-protocol.ts';

/** Batches in the order they came, for one reader. Whoever pushes bounds them: the worker has one under way. */
export class BatchQueue implements AsyncIterable<ScoreBatch> {
  private readonly waiting: ScoreBatch[] = [];
  private ended = false;
  private wake: () => void = () => undefined;

  push(batch: ScoreBatch): void {
    this.waiting.push(batch);
    this.wake();
  }

  /** What waits is still read. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ScoreBatch> {
    for (;;) {
      const batch = this.waiting.shift();
      if (batch) yield batch;
      else if (this.ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
