import { join } from 'node:path';
import type { FeaturesJob, LocalSide, StagedShard, TrainJob } from '../../contracts/ml-protocol.ts';
import { codeShards, trainingReads } from '../../core/training/frozen-prefix.ts';

/** What the train activity asks for before a training of these pixels; null where nothing frozen is kept. */
export function featuresJobOf(job: TrainJob, dir: string): FeaturesJob | null {
  const { model, lastN, weightsPath, weightsHold, augment, config, train, validation } = job;
  const reads = trainingReads({ ...model, lastN }, augment, config.epochs);
  if (reads.kind === 'pixels') return null;
  const pass = (name: string, side: LocalSide, variant: number | null) => ({
    side,
    variant,
    outputDir: join(dir, name),
    shards: codeShards(side.rows).map(({ index }) => index),
  });
  const passes = Array.from({ length: reads.variants }, (_, variant) =>
    reads.augmented ? pass(`train-${variant}`, train, variant) : pass('train', train, null),
  );
  return {
    kind: 'features',
    ...{ model, lastN, weightsPath, weightsHold, augment, seed: config.seed, type: config.featureType },
    passes: [...passes, pass('validation', validation, null)],
  };
}

/** The training, reading what such a job left instead of pixels. */
export function codesJob(job: TrainJob, features: FeaturesJob, staged: readonly StagedShard[]): TrainJob {
  const last = features.passes.length - 1;
  const shards = (of: (pass: number) => boolean) =>
    staged.filter(({ pass }) => of(pass)).map(({ path, rows }) => ({ path, rows }));
  return {
    ...job,
    reads: { kind: 'codes', variants: last },
    train: { rows: job.train.rows, shards: shards((pass) => pass < last) },
    validation: { rows: job.validation.rows, shards: shards((pass) => pass === last) },
  };
}
