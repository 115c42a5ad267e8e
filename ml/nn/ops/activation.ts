import * as tf from '@tensorflow/tfjs';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';

export type Activation = 'linear' | 'relu' | 'relu6' | 'swish' | 'hard-swish' | 'sigmoid' | 'hard-sigmoid';

/**
 * max(x, 0), min(max(x, 0), 6), or x itself. `swish` (SiLU): x · sigmoid(x), Ramachandran et al. 1710.05941. `hard-sigmoid`:
 * relu6(x + 3)/6, and `hard-swish`: x times it, Howard et al. 1905.02244 §5.2.
 */
export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return isNative() ? tf.engine().runKernel(RELU.kernelName, { x }) : tf.relu(x);
    case 'relu6':
      return isNative() ? tf.engine().runKernel(RELU6.kernelName, { x }) : tf.relu6(x);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'swish':
      return tf.mul(x, tf.sigmoid(x));
    case 'hard-sigmoid':
      return tf.mul(activate(tf.add(x, 3), 'relu6'), 1 / 6);
    case 'hard-swish':
      return tf.mul(x, activate(x, 'hard-sigmoid'));
  }
}

const RELU = { kernelName: 'GraftRelu', forward: 'Relu', backward: 'ReluGrad' };
const RELU6 = { kernelName: 'GraftRelu6', forward: 'Relu6', backward: 'Relu6Grad' };

// tfjs's gradients compute a step function and two multiplications, and keep the input; TensorFlow's need the output alone.
for (const { kernelName, forward, backward } of [RELU, RELU6]) {
  tf.registerKernel({
    kernelName,
    backendName: NATIVE_BACKEND,
    kernelFunc: ({ inputs }) => {
      if (inputs['x'] === undefined) throw new Error(`${kernelName} takes x`);
      return runNativeOne(forward, [inputs['x']]);
    },
  });
  tf.registerGradient({
    kernelName,
    outputsToSave: [true],
    gradFunc: (dy, saved) => {
      const [y] = saved;
      if (y === undefined || Array.isArray(dy)) throw new Error(`${kernelName} saved no output`);
      return { x: () => runNativeOne(backward, [dy, y]) };
    },
  });
}
