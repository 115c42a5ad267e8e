import * as tf from '@tensorflow/tfjs';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';

export type Activation = 'linear' | 'relu' | 'relu6';

/** max(x, 0), min(max(x, 0), 6), or x itself. */
export function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  if (activation === 'linear') return x;
  if (!isNative()) return activation === 'relu' ? tf.relu(x) : tf.relu6(x);
  return tf.engine().runKernel(activation === 'relu' ? RELU.kernelName : RELU6.kernelName, { x });
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
