import { arrayFromPayloads, defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { TrainingProgress } from '../../../contracts/run.ts';
import type { LogLine, RunLog } from '../../../contracts/web.ts';
import type { RunId } from '../../../core/ids.ts';
import { TRAINING_PROGRESS_SIGNAL } from '../../../core/signal-names.ts';
import type { TemporalClient } from '../../../infra/temporal/connect.ts';
import { retrainWorkflowId } from '../../../workflows/workflow-ids.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** Lines that are shown; older ones are left out. */
const MAX_LINES = 2_000;

/** What happened in a run's newest execution, read off its history in Temporal. */
export async function readRunLog({ client }: TemporalClient, runId: RunId): Promise<RunLog> {
  const { events } = await client.workflow.getHandle(retrainWorkflowId(runId)).fetchHistory();
  return runLog(events ?? []);
}

export function runLog(events: readonly HistoryEvent[]): RunLog {
  const names = new Map<string, string>();
  const lines: LogLine[] = [];
  let epoch = 0;
  for (const event of events) {
    const at = timeOf(event);
    const say = (level: LogLine['level'], text: string): void => void lines.push({ at, level, text });
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) names.set(String(event.eventId), scheduled.activityType?.name ?? 'an activity');
    const told = trainingTold(event);
    if (told?.lastEpoch && told.lastEpoch.epoch > epoch) {
      epoch = told.lastEpoch.epoch;
      say('info', epochText(told.lastEpoch));
    }
    const line = lineOf(event, (id) => names.get(String(id)) ?? 'an activity');
    if (line) say(...line);
  }
  return { lines: lines.slice(-MAX_LINES), cut: lines.length > MAX_LINES };
}

function lineOf(event: HistoryEvent, nameOf: (id: unknown) => string): [LogLine['level'], string] | null {
  if (event.workflowExecutionStartedEventAttributes) return ['info', 'the run begins'];
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) return ['info', `${scheduled.activityType?.name ?? ''}: waits for a worker`];
  const started = event.activityTaskStartedEventAttributes;
  if (started) {
    const name = nameOf(started.scheduledEventId);
    const failure = started.lastFailure?.message;
    const tries = (started.attempt ?? 1) > 1 ? `, try ${started.attempt ?? 1}` : '';
    if (failure) return ['warning', `${name}: begins${tries}, after ${failure}`];
    return ['info', `${name}: begins on ${started.identity ?? 'a worker'}${tries}`];
  }
  const done = event.activityTaskCompletedEventAttributes;
  if (done) return ['info', `${nameOf(done.scheduledEventId)}: done`];
  const failed = event.activityTaskFailedEventAttributes;
  if (failed) return ['error', `${nameOf(failed.scheduledEventId)}: ${failed.failure?.message ?? 'failed'}`];
  const late = event.activityTaskTimedOutEventAttributes;
  if (late) return ['error', `${nameOf(late.scheduledEventId)}: ${late.failure?.message ?? 'timed out'}`];
  const gone = event.activityTaskCanceledEventAttributes;
  if (gone) return ['warning', `${nameOf(gone.scheduledEventId)}: stopped on request`];
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal && signal.signalName !== TRAINING_PROGRESS_SIGNAL)
    return ['info', `asked for: ${signal.signalName ?? ''}`];
  const stuck = event.workflowTaskFailedEventAttributes;
  if (stuck) return ['error', `the run’s own code failed: ${stuck.failure?.message ?? ''}`];
  if (event.workflowExecutionCompletedEventAttributes) return ['info', 'the run has ended'];
  const ended = event.workflowExecutionFailedEventAttributes;
  if (ended) return ['error', `the run failed: ${ended.failure?.cause?.message ?? ended.failure?.message ?? ''}`];
  if (event.workflowExecutionTerminatedEventAttributes) return ['error', 'the run was terminated from outside'];
  return null;
}

function trainingTold({ workflowExecutionSignaledEventAttributes: signal }: HistoryEvent): TrainingProgress | null {
  if (signal?.signalName !== TRAINING_PROGRESS_SIGNAL) return null;
  const [value] = arrayFromPayloads(defaultPayloadConverter, signal.input?.payloads);
  return TrainingProgress.safeParse(value).data ?? null;
}

function epochText({
  epoch,
  trainLoss,
  validationLoss,
  validationAccuracy,
}: NonNullable<TrainingProgress['lastEpoch']>) {
  const figure = (value: number): string => value.toPrecision(4);
  return `epoch ${epoch}: loss ${figure(trainLoss)}, validation loss ${figure(validationLoss)}, accuracy ${figure(validationAccuracy)}`;
}

function timeOf({ eventTime }: HistoryEvent): string {
  const ms = Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6);
  return new Date(ms).toISOString();
}
