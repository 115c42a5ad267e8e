import type { EpochDetection } from '../../contracts/detection-metrics.ts';
import { logSumExp, argMax } from '../../core/metrics/classification.ts';
import type { Source } from './inputs.ts';
import { breathe } from './job.ts';
import type { Learner } from './learner.ts';
import { range } from './samples.ts';

export interface ValidationFigures {
  readonly loss: number;
  readonly accuracy: number;
  readonly detection?: EpochDetection;
}

/** Mean cross-entropy (nats, without label smoothing) and accuracy over a side, in row order. */
export async function validate(learner: Learner, source: Source, batchSize: number): Promise<ValidationFigures> {
  let lossSum = 0;
  let correct = 0;
  for (let start = 0; start < source.rows; start += batchSize) {
    const indexes = range(start, Math.min(batchSize, source.rows - start));
    const { x, labels } = await source.batch(source.prefetch(indexes, null), null);
    const scores = learner.logits(x, indexes.length);
    const width = scores.length / indexes.length;
    for (const [row, label] of labels.entries()) {
      const line = scores.subarray(row * width, (row + 1) * width);
      lossSum += logSumExp(line) - (line[label] ?? 0);
      if (argMax(line) === label) correct++;
    }
    await breathe();
  }
  return { loss: lossSum / source.rows, accuracy: correct / source.rows };
}
