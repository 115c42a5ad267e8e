import * as tf from '@tensorflow/tfjs';
import { isNative } from './backend.ts';

/** Set by whoever loaded them (infra/native/load-tensorflow.ts). */
const FLAG = 'GRAFT_KERNELS';

/** Whether graft's own kernels (infra/native/kernels) compute BatchNorm and depthwise convolutions of training steps. */
export function hasOwnKernels(): boolean {
  return isNative() && tf.env().getFlags()[FLAG] === true;
}
