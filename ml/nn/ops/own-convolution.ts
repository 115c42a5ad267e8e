import * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';
import { runNativeOne } from './native.ts';

export interface KernelAttributes {
  readonly [name: string]: unknown;
}

/** The two gradients of a convolution by graft's own kernels: `…InputGrad` of (dy, kernel, x), `…KernelGrad` of (x, dy, kernel). */
export function registerOwnGradients(
  kernelName: string,
  operation: 'GraftDepthwise' | 'GraftPointwise' | 'GraftWinograd',
  attributesOf: (attrs: KernelAttributes | undefined) => NativeAttributes,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: ['x', 'kernel'],
    gradFunc: (dy, saved, attrs) => {
      const [x, kernel] = saved;
      if (x === undefined || kernel === undefined || Array.isArray(dy)) throw new Error(`${kernelName}: saved tensors`);
      return {
        x: () => runNativeOne(`${operation}InputGrad`, [dy, kernel, x], attributesOf(attrs)),
        kernel: () => runNativeOne(`${operation}KernelGrad`, [x, dy, kernel], attributesOf(attrs)),
      };
    },
  });
}
