import * as tf from '@tensorflow/tfjs';
import { isNative } from './backend.ts';

/** Set by whoever loaded them (infra/native/load-tensorflow.ts). */
const OWN = 'GRAFT_KERNELS';
const PARTS = 'GRAFT_PARTS';

/** Whether graft's own kernels (infra/native/kernels) compute BatchNorm and depthwise convolutions of training steps. */
export function hasOwnKernels(): boolean {
  return isNative() && tf.env().getFlags()[OWN] === true;
}

/** In how many parts a program's batch goes through its graph, each on a thread; 1 where TensorFlow splits up operations. */
export function batchParts(): number {
  const parts = tf.env().getFlags()[PARTS];
  return hasOwnKernels() && typeof parts === 'number' ? parts : 1;
}
