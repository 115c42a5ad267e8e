import * as tf from '@tensorflow/tfjs';
import { isNative, runNativeOne } from './native.ts';

/** Rows of x [n, …] at indexes int32 [m]. tfjs-node’s own kernel reads the indexes to check them, which a recorded program must not. */
export function gatherRows(x: tf.Tensor, indexes: tf.Tensor): tf.Tensor {
  if (!isNative()) return tf.gather(x, tf.cast(indexes, 'int32').as1D());
  const attributes = { floatTypes: ['Tparams'], intTypes: ['Tindices', 'Taxis'], ints: { batch_dims: 0 } };
  return runNativeOne('GatherV2', [x, indexes, tf.scalar(0, 'int32')], attributes);
}
