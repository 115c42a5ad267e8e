/** The thread that `threadedWriter` starts: hashes and writes one checkpoint for each message. */
import { parentPort } from 'node:worker_threads';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { messageOf } from '../../core/errors.ts';
import { stageCheckpoint } from './checkpoint-file.ts';
import type { Snapshot } from './checkpoint-file.ts';

type Tensors = readonly (readonly [string, TensorData])[];

export interface WriteRequest extends Pick<Snapshot, 'counters' | 'isBest'> {
  readonly dir: string;
  readonly state: Tensors;
  /** The best epoch's values where they are others than in the message before. */
  readonly best?: Tensors | null;
}

export type WriteReply =
  | { readonly kind: 'written'; readonly staged: StagedCheckpoint }
  | { readonly kind: 'failed'; readonly message: string };

let best: Snapshot['best'] = null;

async function write({ dir, state, counters, isBest, ...news }: WriteRequest): Promise<WriteReply> {
  if (news.best !== undefined) best = news.best && new Map(news.best);
  try {
    return { kind: 'written', staged: await stageCheckpoint(dir, { state: new Map(state), best, counters, isBest }) };
  } catch (error) {
    return { kind: 'failed', message: messageOf(error) };
  }
}

parentPort?.on('message', (request: WriteRequest) => {
  void write(request).then((reply) => parentPort?.postMessage(reply));
});
