import { logSumExp, argMax } from '../../core/metrics/classification.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import type { Source } from './inputs.ts';
import { breathe } from './job.ts';
import type { Model } from './model.ts';
import { floatsOf, inferenceContext } from './parameters.ts';
import type { TensorStore } from './parameters.ts';
import { range } from './samples.ts';

/** Mean cross-entropy (nats, without label smoothing) and accuracy over a side, in row order. */
export async function validate(
  model: Model,
  parameters: TensorStore,
  source: Source,
  batchSize: number,
): Promise<{ loss: number; accuracy: number }> {
  let lossSum = 0;
  let correct = 0;
  for (let start = 0; start < source.rows; start += batchSize) {
    const indexes = range(start, Math.min(batchSize, source.rows - start));
    const { features, labels } = await source.tensors(source.prefetch(indexes), null);
    const logits = applyBlocks(model.blocks, model.prefix, model.blocks.length, features, inferenceContext(parameters));
    const scores = floatsOf(logits);
    const truth = labels.dataSync();
    const width = scores.length / indexes.length;
    for (let row = 0; row < indexes.length; row++) {
      const line = scores.subarray(row * width, (row + 1) * width);
      const label = truth[row] ?? 0;
      lossSum += logSumExp(line) - (line[label] ?? 0);
      if (argMax(line) === label) correct++;
    }
    features.dispose();
    labels.dispose();
    logits.dispose();
    await breathe();
  }
  return { loss: lossSum / source.rows, accuracy: correct / source.rows };
}
