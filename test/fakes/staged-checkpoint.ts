import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { writeSafetensorsFile } from '../../ml/weights/safetensors-file.ts';

export const countersAt = (step: number, epoch = 0): TrainCounters => ({ ...freshCounters, step, epoch });

/** A checkpoint as the trainer leaves it on the local disk: its one tensor says the step and `salt`. */
export async function stageAt(
  dir: string,
  step: number,
  options: { epoch?: number; isBest?: boolean; salt?: number } = {},
): Promise<StagedCheckpoint> {
  const { epoch = 0, isBest = false, salt = 0 } = options;
  await mkdir(dir, { recursive: true });
  const counters = countersAt(step, epoch);
  const name = `${String(step).padStart(12, '0')}-${String(epoch).padStart(6, '0')}`;
  const tensors = new Map([['param/w', float32Tensor(Float32Array.of(step, salt), [2])]]);
  const metadata = { counters: JSON.stringify(counters), isBest: String(isBest) };
  const part = join(dir, `${name}.part`);
  const written = await writeSafetensorsFile(part, tensors, metadata, { fsync: false });
  const path = join(dir, `${name}-${written.sha256}.safetensors`);
  await rename(part, path);
  return { path, ...written, counters, isBest };
}
