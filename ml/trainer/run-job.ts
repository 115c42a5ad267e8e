import type { MlJob } from '../../contracts/ml-protocol.ts';
import { unreachable } from '../../core/errors.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';
import { runExport } from '../export/run-export.ts';
import type { JobHost } from './job.ts';
import { runDetectorEvaluation, runDetectorPrediction } from './detector-score.ts';
import { runFeatures } from './features.ts';
import { runLinear } from './linear.ts';
import { runMeasure } from './measure.ts';
import { runProbe } from './probe.ts';
import { runRangeTest } from './range-test.ts';
import { runEvaluation, runPrediction } from './score.ts';
import { runServing } from './serve.ts';
import { runTraining } from './train.ts';
import { runDetectorTraining } from './train-detector.ts';

/** The one entry of the child process into `ml`. */
export function runJob(job: MlJob, host: JobHost): Promise<void> {
  switch (job.kind) {
    case 'features':
      return runFeatures(job, host);
    case 'train':
      if (job.model.detector) return runDetectorTraining(job, host);
      return isLinear(job.model.strategy) ? runLinear(job, host) : runTraining(job, host);
    case 'evaluate':
      return job.model.detector ? runDetectorEvaluation(job, host) : runEvaluation(job, host);
    case 'predict':
      return job.model.detector ? runDetectorPrediction(job, host) : runPrediction(job, host);
    case 'range-test':
      return runRangeTest(job, host);
    case 'probe':
      return runProbe(job, host);
    case 'measure':
      return runMeasure(job, host);
    case 'export':
      return runExport(job, host);
    case 'serve':
      return runServing(job, host);
    default:
      return unreachable(job);
  }
}
