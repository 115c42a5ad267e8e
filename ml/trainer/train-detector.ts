import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { inputError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { momentumAt } from '../../core/training/schedule.ts';
import type { LearningDetector } from '../detectors/detector-programs.ts';
import { momentumOf } from '../engine/rules.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import type { Snapshot } from './checkpoint-file.ts';
import { openDetectorInputs } from './detector-inputs.ts';
import type { DetectorInputs } from './detector-inputs.ts';
import { createDetectorLearner } from './detector-learner.ts';
import type { DetectorLearnerOptions } from './detector-learner.ts';
import { buildDetector, detectorStart } from './detector-model.ts';
import type { DetectorStart } from './detector-model.ts';
import { validateDetector } from './detector-validation.ts';
import { finish } from './finish.ts';
import { breathe } from './job.ts';
import type { JobHost } from './job.ts';
import { trainLoop } from './loop.ts';
import { checkSides, load, variablesOf, writeStart } from './train.ts';

/** As `runTraining`, of a detector: the same loop, checkpoints, schedules and rules; other inputs, losses and validation. */
export async function runDetectorTraining(job: TrainJob, host: JobHost): Promise<void> {
  const learning = buildDetector(job.model, job.lastN);
  unwrap(checkPreprocessing(learning.detector.backbone, job.model.normalization, 'image.normalization'));
  checkSides(job);
  await mkdir(join(job.workDir, runFiles.checkpoints), { recursive: true });
  const start = await detectorStart(learning, { weightsPath: job.weightsPath, seed: job.config.seed });
  const inputs = await openDetectorInputs(job, learning.detector);
  try {
    checkObjects(inputs);
    await train(job, learning, start, inputs, host);
  } finally {
    await inputs.close();
  }
}

async function train(
  job: TrainJob,
  learning: LearningDetector,
  { values, restored, fresh }: DetectorStart,
  inputs: DetectorInputs,
  host: JobHost,
): Promise<void> {
  const learner = await createDetectorLearner(learning, detectorOptions(job, inputs));
  try {
    const best = await load(learner, learning, values, job);
    // TensorFlow plans each set of outputs when it is first asked for: here, and not in the first checkpoint.
    learner.state();
    const restart = (from: Snapshot['best']): void => {
      writeStart(learner, learning, values, job);
      learner.engine.write(variablesOf(learner, from));
    };
    const { detector } = learning;
    const { batchSize, epochs } = job.config;
    const validation = {
      ...{ learner, source: inputs.validation, batchSize, epochs },
      ...{ lossNames: detector.lossNames, classes: job.model.classes, schedule: scheduleOf(job) },
    };
    const end = await trainLoop(
      {
        ...{ job, learner, best, inputs, host, restart },
        validate: (epoch, counters) => validateDetector(validation, epoch, counters),
      },
      job.resume?.counters ?? { ...freshCounters },
    );
    if (end.kind === 'stopped') {
      host.emit({ kind: 'stopped', step: end.counters.step, reason: end.reason });
      return;
    }
    const parts = { all: detector.params, trainable: learning.trainable };
    const result = await finish(job, parts, end.best, values, end.counters);
    const origin = originFinding(restored, fresh, job.weightsPath);
    host.emit({ kind: 'trained', result: { ...result, findings: [origin, ...result.findings] } });
    await breathe();
  } finally {
    learner.engine.dispose();
  }
}

function scheduleOf({ model: { detector } }: TrainJob) {
  if (!detector) throw new Error('a detector’s training without one');
  return detector.validation;
}

export function detectorOptions(
  { config, augment, workDir }: TrainJob,
  { train, validation }: DetectorInputs,
): DetectorLearnerOptions {
  const { optimizer, backboneRate, clipNorm, averageDecay, batchSize } = config;
  const movesMomentum = momentumOf(optimizer) !== null && momentumAt(config.schedule, 0, 1) !== null;
  return {
    ...{ optimizer, backboneRate, clipNorm, averageDecay, augment, movesMomentum, batchSize },
    ...{ shape: train.spec.shape, trainRows: train.rows, validationRows: validation.rows, scratchDir: workDir },
  };
}

/** DATASET_BOXES where there is nothing to learn. */
function checkObjects({ validation, trainBoxes }: DetectorInputs): void {
  const sides = {
    train: trainBoxes,
    validation: validation.objects.reduce((sum, { labels }) => sum + labels.length, 0),
  };
  for (const [side, boxes] of Object.entries(sides)) {
    if (boxes > 0) continue;
    const remedy = 'add annotated pictures, or change the split';
    throw inputError('DATASET_BOXES', side, 'no boxes', 'at least one object that can be learnt', remedy);
  }
}

/** Which layers come from where: what was restored, and what is new. */
function originFinding(restored: readonly string[], fresh: readonly string[], weightsPath: string | null) {
  const groups = (names: readonly string[]): string =>
    [...new Set(names.map((name) => name.split('/').slice(0, 2).join('/')))].slice(0, 24).join(', ') || 'nothing';
  const message =
    weightsPath === null
      ? `all ${fresh.length} tensors start from random values`
      : `${restored.length} tensors are restored (${groups(restored)}); ${fresh.length} are fresh (${groups(fresh)})`;
  return { level: 'info' as const, code: 'WEIGHTS_ORIGIN', message };
}
