import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';

/** For native tests: loads tfjs-node's addon, which registers the `tensorflow` backend, and makes it current. */
export async function loadNativeTensorFlow(): Promise<void> {
  const util: Record<string, unknown> = createRequire(import.meta.url)('node:util');
  // Node 23 dropped a function that tfjs-node 4.22 calls.
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  await import('@tensorflow/tfjs-node');
  await tf.setBackend('tensorflow');
  await tf.ready();
}
