import * as tf from '@tensorflow/tfjs';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';

/** x [batch, …, channels] + bias [channels]. */
export function biasAdd(x: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  if (bias.rank !== 1 || bias.shape[0] !== x.shape.at(-1)) {
    throw new Error(`a bias of [${bias.shape.join(', ')}] to [${x.shape.join(', ')}]`);
  }
  return isNative() ? tf.engine().runKernel(BIAS_ADD, { x, bias }) : tf.add(x, bias);
}

const BIAS_ADD = 'GraftBiasAdd';
const CHANNELS_LAST = { strings: { data_format: 'NHWC' } };

// TensorFlow's graph optimizer fuses Conv2D + BiasAdd + Relu into one pass over memory; a plain Add it leaves alone.
tf.registerKernel({
  kernelName: BIAS_ADD,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs }) => {
    const { x, bias } = inputs;
    if (x === undefined || bias === undefined) throw new Error(`${BIAS_ADD} takes x and bias`);
    return runNativeOne('BiasAdd', [x, bias], CHANNELS_LAST);
  },
});

tf.registerGradient({
  kernelName: BIAS_ADD,
  gradFunc: (dy) => {
    if (Array.isArray(dy)) throw new Error(`${BIAS_ADD} has one output`);
    return { x: () => dy.clone(), bias: () => runNativeOne('BiasAddGrad', [dy], CHANNELS_LAST) };
  },
});
