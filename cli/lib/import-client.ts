import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcCancelledError } from '@temporalio/client';
import { DataImportResult } from '../../contracts/data-import.ts';
import type { DataImportInput } from '../../contracts/data-import.ts';
import { GraftError } from '../../core/errors.ts';
import { isTemporalAway } from '../../infra/temporal/faults.ts';
import { IMPORT_WORKFLOW, importWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import type { Output } from '../output.ts';
import { listenForInterrupt } from './interrupt.ts';
import { noWorkerText } from '../../infra/clients/no-worker.ts';
import { explainFailure } from '../../infra/clients/run-failure.ts';
import { RunView } from './run-view.ts';
import { pendingWork } from '../../infra/clients/runs-client.ts';
import type { Services } from './services.ts';

const LOOK_EVERY_MS = 1_000;
/** How many looks may find nobody at work before that is said. */
const PATIENT_LOOKS = 5;

/** Reads a data set into the store and waits for it. Ctrl-C cancels: what was read until then is not read again. */
export async function importDataset(
  services: Services,
  input: DataImportInput,
  output: Output,
): Promise<DataImportResult> {
  const { workflow } = services.temporal.client;
  const handle = await workflow.start(IMPORT_WORKFLOW, {
    workflowId: importWorkflowId(input.importId),
    taskQueue: taskQueues.workflow,
    args: [input],
    memo: { name: input.datasetName, requestedBy: input.requestedBy },
  });
  const interrupt = listenForInterrupt();
  const over = new AbortController();
  const view = new RunView(output, process.stderr.isTTY);
  void interrupt.asked.then(() => handle.cancel());
  try {
    void watch(services, () => handle.describe(), view, over.signal);
    return DataImportResult.parse(await handle.result());
  } catch (error) {
    throw isTemporalAway(error) ? error : importFault(error, input.importId);
  } finally {
    over.abort();
    view.end([]);
    interrupt.dispose();
  }
}

type Describe = () => Promise<{ readonly raw: Parameters<typeof pendingWork>[0] }>;

async function watch({ runs }: Services, describe: Describe, view: RunView, signal: AbortSignal): Promise<void> {
  for (let idle = 0; !signal.aborted; await sleep(LOOK_EVERY_MS)) {
    try {
      const pending = pendingWork((await describe()).raw);
      if (signal.aborted) return;
      view.update({ progress: null, pending });
      idle = pending.some(({ started }) => started) ? 0 : idle + 1;
      if (idle !== PATIENT_LOOKS) continue;
      const missing = (await runs.unpolled()).filter((role) => role !== 'train');
      if (missing.length > 0) view.note(noWorkerText(missing));
    } catch (error) {
      // Only looking on: the result has its own connection, and says when the server is away for good.
      if (!isTemporalAway(error) && !isGrpcCancelledError(error)) throw error;
    }
  }
}

/** The failure as it was thrown where it happened; there is no run that could be looked at or resumed. */
function importFault(error: unknown, importId: string): GraftError {
  const told = explainFailure(error, importId);
  if (!told.code.startsWith('RUN_')) return told;
  const { kind, seen } = told.parts;
  const remedy = 'the same command goes on where it was: what was read is not read again';
  const code = kind === 'cancelled' ? 'IMPORT_CANCELLED' : 'IMPORT_FAILED';
  return new GraftError(code, { kind, where: `import ${importId}`, seen, remedy }, { cause: error });
}
