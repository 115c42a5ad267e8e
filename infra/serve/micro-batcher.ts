import { GraftError } from '../../core/errors.ts';

export interface MicroBatcherOptions<Item, Answer> {
  /** Items that go together, at most. */
  readonly maxBatch: number;
  /** Items that wait, at most: more are refused at once, so that waiting stays short. */
  readonly maxWaiting: number;
  /** Answers in the order of the items. A rejection is everybody's in that batch. */
  readonly run: (items: readonly Item[]) => Promise<readonly Answer[]>;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Batches what comes in while a batch is under way: an idle model answers one item at once, a busy one takes all that
 * have gathered. Nobody waits for a clock.
 */
export class MicroBatcher<Item, Answer> {
  private readonly waiting: Waiting<Item, Answer>[] = [];
  private readonly options: MicroBatcherOptions<Item, Answer>;
  private running = false;

  constructor(options: MicroBatcherOptions<Item, Answer>) {
    this.options = options;
  }

  get length(): number {
    return this.waiting.length;
  }

  /** Rejects with SERVE_BUSY (transient) where too many wait, or with what the batch failed with. */
  submit(item: Item): Promise<Answer> {
    if (this.waiting.length >= this.options.maxWaiting) return Promise.reject(busy(this.options.maxWaiting));
    return new Promise<Answer>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      // Later, so that items which come together go together.
      if (!this.running) queueMicrotask(() => void this.pump());
    });
  }

  private async pump(): Promise<void> {
    if (this.running) return;
    this.running = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.options.maxBatch);
      try {
        const answers = await this.options.run(batch.map(({ item }) => item));
        for (const [index, { resolve, reject }] of batch.entries()) {
          const answer = answers[index];
          if (answer === undefined) reject(new Error('a batch has fewer answers than items'));
          else resolve(answer);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running = false;
  }
}

export function busy(limit: number): GraftError {
  return new GraftError('SERVE_BUSY', {
    kind: 'transient',
    where: 'graft serve',
    seen: `${limit} pictures are waiting`,
    expected: 'fewer',
    remedy: 'ask again in a second, or start another server',
  });
}
