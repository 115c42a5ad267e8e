import { elementCount } from '../../core/checkpoint/tensor-data.ts';
import type { RecordedOperation } from './recorder.ts';
import { record } from './recorder.ts';
import type { Program, StateShapes } from './spec.ts';

/**
 * Multiplications with an addition each of a program's convolutions and matrix products, as papers count them: what is done
 * to each element alone (BatchNorm, activations, pooling) is left out. Nothing is computed. Needs native TensorFlow.
 */
export function multiplyAdds(program: Program, state: StateShapes): number {
  return record(program, state).operations.reduce((sum, operation) => sum + ofOperation(operation), 0);
}

function ofOperation({ name, attributes, inputShapes, outputShapes }: RecordedOperation): number {
  const outputs = elementCount(outputShapes[0] ?? []);
  const [a = [], b = []] = inputShapes;
  switch (name) {
    case 'Conv2D':
    case 'GraftPointwise':
    case 'GraftWinograd':
      return outputs * elementCount(b.slice(0, 3));
    case 'DepthwiseConv2dNative':
    case 'GraftDepthwise':
      return outputs * elementCount(b.slice(0, 2));
    case 'MatMul': {
      const transposed = attributes.find((attribute) => attribute.name === 'transpose_a')?.value === true;
      return outputs * (a[transposed ? 0 : 1] ?? 0);
    }
    default:
      return 0;
  }
}
