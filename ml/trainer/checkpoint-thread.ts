/** The thread that `threadedWriter` starts: hashes and writes one checkpoint for each message. */
import { parentPort } from 'node:worker_threads';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import { messageOf } from '../../core/errors.ts';
import { buffersOf, stageCheckpoint } from './checkpoint-file.ts';
import type { Snapshot, Tensors } from './checkpoint-file.ts';

export interface WriteRequest extends Pick<Snapshot, 'counters' | 'isBest'> {
  readonly dir: string;
  readonly state: Tensors;
  readonly best: Tensors | null;
}

export type WriteReply =
  | { readonly kind: 'written'; readonly staged: StagedCheckpoint; readonly best: Tensors | null }
  | { readonly kind: 'failed'; readonly message: string };

async function write({ dir, state, best, counters, isBest }: WriteRequest): Promise<WriteReply> {
  const snapshot = { state: new Map(state), best: best && new Map(best), counters, isBest };
  try {
    return { kind: 'written', staged: await stageCheckpoint(dir, snapshot), best };
  } catch (error) {
    return { kind: 'failed', message: messageOf(error) };
  }
}

parentPort?.on('message', (request: WriteRequest) => {
  void write(request).then((reply) =>
    parentPort?.postMessage(reply, reply.kind === 'written' ? buffersOf(reply.best ?? []) : []),
  );
});
