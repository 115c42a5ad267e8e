import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { ScheduleOptions } from '@temporalio/client';
import { WatchOutcome } from '../../contracts/watch.ts';
import type { WatchInput } from '../../contracts/watch.ts';
import { inputError } from '../../core/errors.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { WATCH_MODEL_WORKFLOW, taskQueues, watchScheduleId } from '../../workflows/workflow-ids.ts';
import { explainFailure } from './run-failure.ts';

const startOf = (input: WatchInput, workflowId: string) => ({
  ...{ workflowId, taskQueue: taskQueues.workflow, args: [input] as [WatchInput] },
  memo: { name: input.model, requestedBy: input.requestedBy },
});

/** Asks the model in use about new pictures, and waits for what comes of it. */
export async function watchOnce({ client }: TemporalClient, input: WatchInput, unique: string): Promise<WatchOutcome> {
  const workflowId = `${watchScheduleId(input.model, input.alias)}-${unique}`;
  try {
    const handle = await client.workflow.start(WATCH_MODEL_WORKFLOW, startOf(input, workflowId));
    return WatchOutcome.parse(await handle.result());
  } catch (error) {
    throw explainFailure(error, workflowId);
  }
}

/** The same by the clock. WATCH_EXISTS (input) where the alias is watched already. */
export async function watchOnSchedule(
  { client }: TemporalClient,
  input: WatchInput,
  spec: ScheduleOptions['spec'],
): Promise<void> {
  const scheduleId = watchScheduleId(input.model, input.alias);
  try {
    await client.schedule.create({
      ...{ scheduleId, spec, policies: { overlap: 'SKIP' } },
      action: { type: 'startWorkflow', workflowType: WATCH_MODEL_WORKFLOW, ...startOf(input, scheduleId) },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const remedy = `graft models watch ${input.model} --alias ${input.alias} --stop ends that`;
    throw inputError('WATCH_EXISTS', `${input.alias} of ${input.model}`, 'it is watched already', 'one watch', remedy);
  }
}

/** WATCH_NONE (input) where it is not watched. */
export async function stopWatching({ client }: TemporalClient, model: string, alias: string): Promise<void> {
  try {
    await client.schedule.getHandle(watchScheduleId(model, alias)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    const remedy = `graft models watch ${model} --data FOLDER --every 1d begins it`;
    throw inputError('WATCH_NONE', `${alias} of ${model}`, 'it is not watched', 'a watched alias', remedy);
  }
}
