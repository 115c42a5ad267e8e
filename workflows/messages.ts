import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { APPROVAL_UPDATE, TRAINING_PROGRESS_SIGNAL } from '../core/signal-names.ts';
import type { ApprovalAnswer, ApprovalVerdict } from '../contracts/approval.ts';
import type { SweepReport } from '../contracts/sweep.ts';
import type { SweepCommand } from '../core/search/sweep.ts';
import type { RunProgress, TrainingProgress } from '../contracts/run.ts';

/** Where the run is. Answered by a running and by a closed workflow. */
export const progressQuery = defineQuery<RunProgress>('progress');

/** Asks the run to stop: the trainer writes a last checkpoint first, so that it can be resumed exactly. */
export const cancelRunSignal = defineSignal<[{ reason: string }]>('cancelRun');

/** Sent by the training activity, thinned so that a run's history stays small however long it is. */
export const trainingProgressSignal = defineSignal<[TrainingProgress]>(TRAINING_PROGRESS_SIGNAL);

/** A person's word on a promotion that waits (infra/clients/approvals.ts sends it). */
export const approvalUpdate = defineUpdate<ApprovalVerdict, [ApprovalAnswer]>(APPROVAL_UPDATE);

/** How a sweep stands; answered by a running and by a closed one. */
export const sweepQuery = defineQuery<SweepReport>('sweep');

/** Changes a sweep that runs: pause, resume, stop a trial or all, add trials, another budget, another space. */
export const sweepUpdate = defineUpdate<SweepReport, [SweepCommand]>('change');
