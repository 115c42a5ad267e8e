import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import type { DataImportInput } from '../../contracts/data-import.ts';
import type { RetrainInput } from '../../contracts/run.ts';
import type { WatchInput } from '../../contracts/watch.ts';
import { asRunId } from '../../core/ids.ts';
import { workflowBundle } from '../../infra/temporal/workflow-bundle.ts';
import {
  CHANGE_ALIAS_WORKFLOW,
  changeAliasWorkflowId,
  RETRAIN_WORKFLOW,
  retrainWorkflowId,
  taskQueues,
} from '../../workflows/workflow-ids.ts';
import type { changeAliasWorkflow, retrainWorkflow } from '../../workflows/index.ts';
import type { AliasChangeInput } from '../../contracts/alias-change.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { startTemporal } from '../servers.ts';

export interface WorkflowBench {
  readonly client: Client;
  readonly address: string;
  readonly bundlePath: string;
  /** Polls every queue with these activities until `body` is done. */
  withWorkers<T>(activities: AllActivities, body: () => Promise<T>): Promise<T>;
  /** Starts a run (of `name`, or with an input of a test's own) while workers with these activities poll, until `body` is done. */
  withRun<T>(
    run: string | RetrainInput,
    activities: AllActivities,
    body: (handle: WorkflowHandle<typeof retrainWorkflow>) => Promise<T>,
  ): Promise<T>;
  /** Moves an alias by hand while workers with these activities poll. */
  withAliasChange<T>(
    input: AliasChangeInput,
    activities: AllActivities,
    body: (handle: WorkflowHandle<typeof changeAliasWorkflow>) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

export const aliasChange = (requestId: string): AliasChangeInput => ({
  ...{ requestId, model: 'pets', alias: 'champion', action: 'rollback', to: null, actor: 'tester', reason: 'recorded' },
  ...{ allowClassMapChange: false, skipCheck: false },
});

/** Keys of graft.yaml's `model` and `dataset`. */
export interface ConfigChange {
  readonly model?: object;
  readonly dataset?: object;
}

export function retrainInput(name: string, change: ConfigChange = {}): RetrainInput {
  return {
    runId: asRunId(name),
    requestedBy: 'tester',
    config: PipelineConfig.parse({
      name: 'pets',
      dataset: { source: './pets', ...change.dataset },
      model: { backbone: 'tiny-cnn', weights: 'random', strategy: 'scratch', ...change.model },
    }),
  };
}

/** An import whose reading is shared by two. */
export function importInput(name: string): DataImportInput {
  const { config } = retrainInput(name);
  return {
    ...{ importId: asRunId(`import-${name}`), datasetName: 'pets', task: 'auto', requestedBy: 'tester' },
    ...{ dataset: { ...config.dataset, workers: 2 }, image: config.image, backbone: config.model.backbone },
  };
}

/** A look at the champion that may roll back and retrain. */
export function watchInput(name: string): WatchInput {
  const { config } = retrainInput(name);
  return {
    ...{ model: 'pets', alias: 'champion', dataset: config.dataset, image: config.image, backbone: 'tiny-cnn' },
    ...{ rules: { mayFall: 0.03, confidence: 0.95 }, rollBack: true, retrain: config, requestedBy: 'tester' },
  };
}

/** A run whose promotion waits for a person. */
export function manualInput(name: string, approvals: Readonly<Record<string, unknown>> = {}): RetrainInput {
  const { config, ...rest } = retrainInput(name);
  const promote = { approval: 'manual', approvals };
  return { ...rest, config: PipelineConfig.parse({ ...config, promote }) };
}

/** A real Temporal server and the real workflow bundle, with activities of a test's own. */
export async function workflowBench(): Promise<WorkflowBench> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const server = await startTemporal();
  const cache = await mkdtemp(join(tmpdir(), 'graft-bundle-'));
  const bundlePath = await workflowBundle(cache);
  const connection = await Connection.connect({ address: server.address });
  const native = await NativeConnection.connect({ address: server.address });
  const client = new Client({ connection });
  const withWorkers: WorkflowBench['withWorkers'] = async (activities, body) => {
    const shared = {
      connection: native,
      maxHeartbeatThrottleInterval: '100 ms',
      defaultHeartbeatThrottleInterval: '100 ms',
    };
    const workers = [
      await Worker.create({ ...shared, taskQueue: taskQueues.workflow, workflowBundle: { codePath: bundlePath } }),
      await Worker.create({ ...shared, taskQueue: taskQueues.data, activities }),
      await Worker.create({ ...shared, taskQueue: taskQueues.train, activities }),
    ];
    const running = workers.map((worker) => worker.run());
    try {
      return await body();
    } finally {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    }
  };
  return {
    client,
    address: server.address,
    bundlePath,
    withWorkers,
    withRun: (run, activities, body) =>
      withWorkers(activities, async () => {
        const input = typeof run === 'string' ? retrainInput(run) : run;
        const handle = await client.workflow.start<typeof retrainWorkflow>(RETRAIN_WORKFLOW, {
          taskQueue: taskQueues.workflow,
          workflowId: retrainWorkflowId(input.runId),
          args: [input],
        });
        return body(handle);
      }),
    withAliasChange: (input, activities, body) =>
      withWorkers(activities, async () => {
        const handle = await client.workflow.start<typeof changeAliasWorkflow>(CHANGE_ALIAS_WORKFLOW, {
          taskQueue: taskQueues.workflow,
          workflowId: changeAliasWorkflowId(input.model, input.requestId),
          args: [input],
        });
        return body(handle);
      }),
    async close() {
      await connection.close();
      await native.close();
      await server.stop();
      await rm(cache, { recursive: true, force: true });
    },
  };
}
