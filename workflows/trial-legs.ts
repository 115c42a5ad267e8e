import { ApplicationFailure, rootCause } from '@temporalio/common';
import { startChild } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';
import type { PinnedData, RetrainInput, RunReport } from '../contracts/run.ts';
import type { SweepInput, TrialTraining } from '../contracts/sweep.ts';
import { isSweepMetric, metricOf } from '../core/search/metrics.ts';
import type { Leg, LegEnd } from '../core/search/sweep.ts';
import type { Objective } from '../core/search/trials.ts';
import { withValues } from '../core/search/trial-config.ts';
import { cancelRunSignal } from './messages.ts';
import type { retrainWorkflow } from './retrain.ts';
import { RETRAIN_WORKFLOW, retrainWorkflowId, taskQueues, trialRunId } from './workflow-ids.ts';

type Child = ChildWorkflowHandle<typeof retrainWorkflow>;

/** Starts parts of trials as runs, knows what each came to, and what the next one goes on from. */
export class TrialLegs {
  readonly trainings: Record<string, TrialTraining>;
  private readonly input: SweepInput;
  private readonly data: PinnedData;
  private readonly children = new Map<number, Child>();
  private readonly unwanted = new Set<number>();

  constructor(input: SweepInput, data: PinnedData, trainings: Record<string, TrialTraining>) {
    this.input = input;
    this.data = data;
    this.trainings = trainings;
  }

  /** Trains a part of a trial. Never throws: a trial that fails is a result like another. */
  async run(leg: Leg): Promise<LegEnd> {
    const part = { untilEpoch: leg.toEpoch, from: this.sourceOf(leg) };
    try {
      const child = await this.start(leg.trial, leg.values, { leg: part, trialOf: this.input.sweepId });
      this.children.set(leg.number, child);
      if (this.unwanted.has(leg.number)) await this.stop(leg.number);
      const { status, training, weightsSha256 } = await child.result();
      if (status !== 'completed' || training === undefined) return { kind: 'stopped' };
      const before = this.trainings[leg.trial];
      this.trainings[leg.trial] = {
        leg: part,
        manifestKey: training.manifestKey,
        // Only a population copies what another trial was a generation ago.
        before:
          before && this.input.state.search.method.kind === 'pbt'
            ? { epoch: before.leg.untilEpoch, manifestKey: before.manifestKey }
            : null,
        steps: training.steps,
        stoppedEarly: training.stoppedEarly,
        seconds: (before?.seconds ?? 0) + training.seconds,
        weightsSha256: weightsSha256 ?? '',
      };
      const values = valuesOf(training, this.input.state.search.objectives);
      const { stoppedEarly: ended, seconds } = training;
      const epoch = ended ? training.epochs : leg.toEpoch;
      return { kind: 'trained', epoch, values, ended, seconds };
    } catch (error) {
      return failureOf(error);
    } finally {
      this.children.delete(leg.number);
    }
  }

  /** Asks a part to stop at its next step; it keeps a checkpoint. */
  async stop(number: number): Promise<void> {
    this.unwanted.add(number);
    // One that has just ended has nothing left to stop.
    await this.children
      .get(number)
      ?.signal(cancelRunSignal, { reason: 'its sweep gave it up' })
      .catch(() => undefined);
  }

  /** The best trial through evaluation, gate and promotion; trained to its end first, where it had paused. */
  async promote(trial: number, values: Leg['values']): Promise<RunReport> {
    const training = this.trainings[trial];
    const { epochs } = this.input.state.search;
    const isWhole = training === undefined || training.leg.untilEpoch >= epochs || training.stoppedEarly;
    const leg = isWhole ? training?.leg : { untilEpoch: epochs, from: training.manifestKey };
    return (await this.start(trial, values, leg ? { leg } : {})).result();
  }

  private async start(
    trial: number,
    values: Leg['values'],
    rest: Pick<RetrainInput, 'leg' | 'trialOf'>,
  ): Promise<Child> {
    const { sweepId, base, requestedBy } = this.input;
    const runId = trialRunId(sweepId, trial);
    // It was checked against the schema for every value before the sweep began; defaults are filled in by the activities.
    const config = withValues(base, values) as PipelineConfig;
    return startChild<typeof retrainWorkflow>(RETRAIN_WORKFLOW, {
      workflowId: retrainWorkflowId(runId),
      taskQueue: taskQueues.workflow,
      args: [{ runId, config, requestedBy, data: this.data, ...rest }],
      memo: { name: config.name, requestedBy, sweepId, trial: rest.trialOf !== undefined },
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      parentClosePolicy: 'REQUEST_CANCEL',
    });
  }

  /** The pause that a part begins with: its trial's own, or that of the trial it copies. */
  private sourceOf({ trial, fromEpoch, copyOf }: Leg): string | null {
    if (fromEpoch === 0) return null;
    const source = this.trainings[copyOf ?? trial];
    if (source?.leg.untilEpoch === fromEpoch) return source.manifestKey;
    return source?.before?.epoch === fromEpoch ? source.before.manifestKey : null;
  }
}

function valuesOf(training: NonNullable<RunReport['training']>, objectives: readonly Objective[]): number[] {
  return objectives.map(({ metric }) => (isSweepMetric(metric) ? metricOf(metric, training) : Number.NaN));
}

/** What would come out the same again. */
const LASTING: ReadonlySet<string> = new Set(['TRAIN_NONFINITE', 'FEATURE_RANGE', 'LEG_NOT_PAUSED']);

function failureOf(error: unknown): LegEnd {
  const application = applicationFailure(error);
  const reason = application?.message ?? rootCause(error) ?? String(error);
  const detail: unknown = application?.details?.[0];
  const isInput = typeof detail === 'object' && detail !== null && 'kind' in detail && detail.kind === 'input';
  const passing = !isInput && !LASTING.has(application?.type ?? '');
  return { kind: 'failed', reason: reason.slice(0, 500), passing };
}

function applicationFailure(error: unknown): ApplicationFailure | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure) return at;
  }
  return null;
}
