import { dirname } from 'node:path';
import type { EvaluateJob, PredictJob } from '../../contracts/ml-protocol.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { softmax } from '../../core/metrics/classification.ts';
import { openSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import { loadModel } from './inference.ts';
import { breathe, StopRequested } from './job.ts';
import type { JobHost } from './job.ts';
import { openSamples, range } from './samples.ts';

/** Sends a side through a trained model and writes its logits and labels. */
export async function runEvaluation(job: EvaluateJob, host: JobHost): Promise<void> {
  const samples = await openSamples(job.side, 'images');
  const { batchSize } = job;
  const options = { batchSize, shape: samples.shape, scratchDir: dirname(job.outputPath) };
  const model = await loadModel(job.model, job.weightsPath, options);
  const classes = job.model.classes.length;
  const logits = new Float32Array(samples.rows * classes);
  try {
    for (let start = 0; start < samples.rows; start += job.batchSize) {
      const indexes = range(start, Math.min(job.batchSize, samples.rows - start));
      logits.set(model.logits(await samples.read(indexes), indexes.length), start * classes);
      host.emit({ kind: 'features', done: start + indexes.length, total: samples.rows });
      await breathe();
      if (host.stopRequested()) throw new StopRequested('stopped while evaluating');
    }
    const tensors = new Map([
      ['logits', float32Tensor(logits, [samples.rows, classes])],
      ['labels', int32Tensor(samples.labels, [samples.rows])],
    ]);
    await writeSafetensorsFile(job.outputPath, tensors);
    host.emit({ kind: 'evaluated', rows: samples.rows });
  } finally {
    await samples.close();
    model.dispose();
  }
}

/** Probabilities of a few rendered images, in order. */
export async function runPrediction(job: PredictJob, host: JobHost): Promise<void> {
  const file = await openSafetensorsFile(job.imagesPath);
  const [rows = 0, ...shape] = file.entry('images').shape;
  const batchSize = Math.min(job.batchSize, rows);
  const options = { batchSize, shape, scratchDir: dirname(job.imagesPath) };
  const model = await loadModel(job.model, job.weightsPath, options);
  try {
    const classes = job.model.classes.length;
    const probabilities: number[][] = [];
    const batchMs: number[] = [];
    for (let start = 0; start < rows; start += batchSize) {
      const count = Math.min(batchSize, rows - start);
      const images = await file.readRows('images', start, count);
      const startedMs = performance.now();
      const logits = model.logits(images, count);
      batchMs.push(performance.now() - startedMs);
      for (let row = 0; row < count; row++) {
        probabilities.push(softmax(logits.subarray(row * classes, (row + 1) * classes)));
      }
      await breathe();
    }
    host.emit({ kind: 'predicted', probabilities, batchMs });
  } finally {
    await file.close();
    model.dispose();
  }
}
