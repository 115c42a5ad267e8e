import { readFile, writeFile } from 'node:fs/promises';
import { EvaluateJob } from '../../contracts/ml-protocol.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { unwrap } from '../../core/result.ts';
import type { Script } from './scripted-ml-runner.ts';
import { logitsFile } from './stage-fixtures.ts';

/** Weights whose text says how many of a hundred pictures they get right: `90 of 100, first try`. */
export const weightsThatHit = (hits: number, note = ''): string => `${hits} of 100, ${note}`;

/** Evaluates such weights on the side that it is given. */
export const evaluates: Script = async ({ job, emit }) => {
  const { weightsPath, side, outputPath, model } = EvaluateJob.parse(job);
  const hits = Number.parseInt(await readFile(weightsPath, 'utf8'), 10);
  const labels: number[] = [];
  for (const { path } of side.shards) {
    const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
    labels.push(...asInt32(tensors.get('labels')!));
  }
  emit({ kind: 'features', done: side.rows, total: side.rows });
  await writeFile(outputPath, logitsFile(labels, model.classes.length, Math.round((labels.length * hits) / 100)));
  emit({ kind: 'evaluated', rows: labels.length });
};
