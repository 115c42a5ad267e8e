import type { Worker } from 'node:worker_threads';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { messageOf, transientError } from '../../core/errors.ts';
import { threadOf } from '../../programs/start.ts';
import type { Snapshot } from './checkpoint-file.ts';
import type { WriteReply, WriteRequest } from './checkpoint-thread.ts';

/** Writes checkpoints beside the steps. One at a time: the next waits for the one before. */
export interface CheckpointWriter {
  /** Takes the snapshot's state over: its bytes are not to be used again. CHECKPOINT_WRITE (transient) where it fails. */
  stage(dir: string, snapshot: Snapshot): Promise<StagedCheckpoint>;
  close(): Promise<void>;
}

/**
 * A thread of its own hashes and writes: native TensorFlow holds the main one during a step, so a hash there would come
 * on top of the steps. The state is handed over without a copy; the best epoch's values go once, when they change.
 */
export function threadedWriter(): CheckpointWriter {
  // At once: it takes a quarter of a second to start, beside the first steps.
  const worker = startThread();
  let sentBest: Snapshot['best'] = null;
  return {
    async stage(dir, { state, best, counters, isBest }) {
      const news = best === sentBest ? {} : { best: best && [...best] };
      sentBest = best;
      const request: WriteRequest = { dir, state: [...state], counters, isBest, ...news };
      const reply = await ask(worker, request, buffersOf(state));
      if (reply.kind === 'written') return reply.staged;
      throw transientError(
        'CHECKPOINT_WRITE',
        dir,
        reply.message,
        'a checkpoint',
        'free disk space; it is tried again',
      );
    },
    async close() {
      await worker.terminate();
    },
  };
}

function startThread(): Worker {
  const worker = threadOf('checkpoint-thread');
  // A thread that breaks before it is asked says so when it is.
  worker.on('error', (error) => broken.set(worker, error));
  return worker;
}

const broken = new WeakMap<Worker, unknown>();

function ask(worker: Worker, request: WriteRequest, transfer: readonly ArrayBuffer[]): Promise<WriteReply> {
  return new Promise((resolve) => {
    const stopListening = (): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
    };
    const onError = (error: Error): void => {
      stopListening();
      resolve({ kind: 'failed', message: error.message });
    };
    const onMessage = (reply: WriteReply): void => {
      stopListening();
      resolve(reply);
    };
    if (broken.has(worker)) {
      resolve({ kind: 'failed', message: messageOf(broken.get(worker)) });
      return;
    }
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.postMessage(request, transfer);
  });
}

/** Each buffer once; a shared one can't be handed over and is copied. */
function buffersOf(tensors: ReadonlyMap<string, TensorData>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors.values()) if (data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  return [...buffers];
}
