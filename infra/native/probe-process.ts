/** Run by `graft doctor` in a process of its own, which a broken library may take down: loads TensorFlow, computes, tells. */
import process from 'node:process';
import { messageOf } from '../../core/errors.ts';
import { loadTensorFlow } from './load-tensorflow.ts';

async function probe(): Promise<object> {
  const loaded = await loadTensorFlow({ provision: false, warn: () => undefined });
  const tf = await import('@tensorflow/tfjs');
  const product = tf.tidy(() => tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync());
  return product[0] === 11 ? loaded : { failed: `1·3 + 2·4 came out as ${String(product[0])}` };
}

const answer = await probe().catch((error: unknown) => ({ failed: messageOf(error) }));
process.stdout.write(JSON.stringify(answer));
