import type { Worker } from 'node:worker_threads';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import { messageOf, transientError } from '../../core/errors.ts';
import { threadOf } from '../../programs/start.ts';
import { buffersOf } from './checkpoint-file.ts';
import type { Snapshot } from './checkpoint-file.ts';
import type { WriteReply, WriteRequest } from './checkpoint-thread.ts';

/** A checkpoint on the disk, and the best epoch's values that were lent for it. */
export interface Written {
  readonly staged: StagedCheckpoint;
  readonly best: Snapshot['best'];
}

/** Writes checkpoints beside the steps. One at a time: the next waits for the one before. */
export interface CheckpointWriter {
  /**
   * Takes the snapshot over: its state's bytes are not to be used again, those of the best epoch as they come back.
   * CHECKPOINT_WRITE (transient) where it fails.
   */
  stage(dir: string, snapshot: Snapshot): Promise<Written>;
  close(): Promise<void>;
}

/**
 * A thread of its own hashes and writes: native TensorFlow holds the main one during a step, so a hash there would come
 * on top of the steps. Nothing is copied for it: the state is handed over, the best epoch's values are lent.
 */
export function threadedWriter(): CheckpointWriter {
  // At once: it takes a quarter of a second to start, beside the first steps.
  const worker = startThread();
  return {
    async stage(dir, { state, best, counters, isBest }) {
      const request: WriteRequest = { dir, state: [...state], best: best && [...best], counters, isBest };
      const reply = await ask(worker, request, buffersOf([...state, ...(best ?? [])]));
      if (reply.kind === 'written') return { staged: reply.staged, best: reply.best && new Map(reply.best) };
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
