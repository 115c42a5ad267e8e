import type { StagedShard, TrainJob } from '../../contracts/ml-protocol.ts';
import { runFeatures } from '../../ml/trainer/features.ts';
import type { JobHost } from '../../ml/trainer/job.ts';
import { codesJob, featuresJobOf } from './codes-job.ts';

/** The training with its sides brought behind the frozen prefix, where that is kept; null where it was stopped before. */
export async function featuresFirst(job: TrainJob, dir: string, host: JobHost): Promise<TrainJob | null> {
  const features = featuresJobOf(job, dir);
  if (features === null) return job;
  const staged: StagedShard[] = [];
  let done = false;
  await runFeatures(features, {
    ...host,
    emit: (event) => {
      host.emit(event);
      if (event.kind === 'shard') staged.push(event.staged);
      done ||= event.kind === 'extracted';
    },
  });
  return done ? codesJob(job, features, staged) : null;
}
