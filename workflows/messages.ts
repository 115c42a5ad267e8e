import { defineQuery, defineSignal } from '@temporalio/workflow';
import { TRAINING_PROGRESS_SIGNAL } from '../core/signal-names.ts';
import type { RunProgress, TrainingProgress } from '../contracts/run.ts';

/** Where the run is. Answered by a running and by a closed workflow. */
export const progressQuery = defineQuery<RunProgress>('progress');

/** Asks the run to stop: the trainer writes a last checkpoint first, so that it can be resumed exactly. */
export const cancelRunSignal = defineSignal<[{ reason: string }]>('cancelRun');

/** Sent by the training activity, thinned so that a run's history stays small however long it is. */
export const trainingProgressSignal = defineSignal<[TrainingProgress]>(TRAINING_PROGRESS_SIGNAL);
