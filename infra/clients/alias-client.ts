import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { AliasChangeResult } from '../../contracts/alias-change.ts';
import type { AliasChangeInput } from '../../contracts/alias-change.ts';
import { inputError } from '../../core/errors.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { CHANGE_ALIAS_WORKFLOW, changeAliasWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import { explainFailure } from './run-failure.ts';

/** Moves an alias by hand and waits until it has moved. ALIAS_BUSY (input) while another such move runs. */
export async function changeAlias({ client }: TemporalClient, input: AliasChangeInput): Promise<AliasChangeResult> {
  const workflowId = changeAliasWorkflowId(input.model, input.alias);
  try {
    const handle = await client.workflow.start(CHANGE_ALIAS_WORKFLOW, {
      workflowId,
      taskQueue: taskQueues.workflow,
      args: [input],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
    return AliasChangeResult.parse(await handle.result());
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      const seen = 'somebody else is moving it';
      throw inputError(
        'ALIAS_BUSY',
        `${input.alias} of ${input.model}`,
        seen,
        'one at a time',
        'try again in a moment',
      );
    }
    throw explainFailure(error, workflowId);
  }
}
