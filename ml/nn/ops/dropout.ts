import * as tf from '@tensorflow/tfjs';
import { philox } from '../../../core/rng.ts';
import { isNative, NATIVE_BACKEND } from './native.ts';
import { nativeBackend } from '../../native/backend.ts';

/**
 * Inverted dropout (Srivastava et al. 2014 §10): keeps an element with probability 1 − rate, scaled by 1/(1 − rate).
 * The mask is a function of (seed, element) alone, so it is the same on every backend and machine. `seed`: int32 [2],
 * both at least 0, so that it can be an input of a graph.
 */
export function dropout(x: tf.Tensor, rate: number, seed: tf.Tensor): tf.Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`dropout rate ${rate} outside [0, 1)`);
  if (rate === 0) return x.clone();
  return tf.tidy(() => {
    const kept = tf.greaterEqual(uniform(x.shape, seed), rate).toFloat();
    return tf.mul(x, tf.mul(kept, 1 / (1 - rate)));
  });
}

const UNIFORM = 'GraftStatelessRandomUniform';

/** TensorFlow's StatelessRandomUniform: float32 in [0, 1) of `shape`. */
function uniform(shape: readonly number[], seed: tf.Tensor): tf.Tensor {
  if (isNative()) return tf.engine().runKernel(UNIFORM, { seed }, { shape: [...shape] });
  const [first = 0, second = 0] = seed.dataSync();
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(statelessUniform(size, first, second), [...shape], 'float32');
}

tf.registerKernel({
  kernelName: UNIFORM,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs, attrs }) => {
    const { seed } = inputs;
    const shape: unknown = attrs?.['shape'];
    if (seed === undefined || !Array.isArray(shape)) throw new Error(`${UNIFORM} takes a seed and a shape`);
    const { binding, executeMultipleOutputs } = nativeBackend();
    const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
    const attributes = [type('dtype', binding.TF_FLOAT), type('T', binding.TF_INT32), type('Tseed', binding.TF_INT32)];
    const sides = tf.tensor1d(shape.map(Number), 'int32');
    const [out] = executeMultipleOutputs.call(nativeBackend(), 'StatelessRandomUniform', attributes, [sides, seed], 1);
    sides.dispose();
    if (out === undefined) throw new Error(`${UNIFORM} gave no output`);
    return out;
  },
});

/**
 * The same values in JavaScript (tensorflow/core/kernels/stateless_random_ops.cc GenerateKey, then
 * core/lib/random/random_distributions.h Uint32ToFloat): Philox under a key that is made of the seed by Philox.
 */
export function statelessUniform(size: number, seed0: number, seed1: number): Float32Array {
  const [k0, k1, c2, c3] = philox([seed0, 0, seed1, 0], [0x3ec8f720, 0x02461e29]);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += 4) {
    const group = i / 4;
    for (const [lane, word] of philox([group >>> 0, 0, c2, c3], [k0, k1]).entries()) {
      if (i + lane < size) values[i + lane] = (word & 0x7fffff) / 0x800000;
    }
  }
  return values;
}
