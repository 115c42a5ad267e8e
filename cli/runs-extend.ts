import { Command } from 'commander';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';
import { inputError } from '../core/errors.ts';
import { extendedConfig } from '../infra/clients/extend-run.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { followCommand } from './lib/follow-command.ts';
import { isUnderWay } from '../infra/clients/runs-client.ts';
import { requester } from '../infra/clients/requester.ts';
import { startServices, withServices } from './lib/services.ts';
import { readRunRecord, readRunReport } from '../infra/clients/stored-run.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';
import { positive } from './lib/positive.ts';

interface ExtendFlags {
  readonly epochs: number;
  readonly detach?: boolean;
  readonly requirePromotion?: boolean;
}

/** `graft runs extend RUN --epochs N`: more of the same training. */
export function extendCommand(): Command {
  const command = withCommonOptions(
    new Command('extend')
      .description('Go on with a run that has ended until more epochs are done, exactly as if it had not stopped.')
      .argument('<run>', 'a run id, the unambiguous beginning of one, or latest')
      .requiredOption('--epochs <count>', 'how many epochs it shall have in all', positive)
      .option('--detach', 'start it and leave it running')
      .option('--require-promotion', 'exit with 4 when the gate refuses the new model')
      .addHelpText('after', '\nExamples:\n  graft runs extend latest --epochs 40'),
  );
  return command.action((text: string, flags: ExtendFlags) => extend(text, flags, outputOf(command)));
}

async function extend(text: string, { epochs, detach, requirePromotion }: ExtendFlags, output: Output): Promise<void> {
  await startServices(output);
  await withServices(async (services) => {
    const { runs, store } = services;
    const { runId, info } = await findRun(text, runs, store);
    const report = await readRunReport(store, runId);
    const status = info?.status ?? report?.status;
    const where = `run ${runId}`;
    if (isUnderWay(status)) {
      throw inputError('RUN_RUNNING', where, 'it is running', 'a run that has ended', `graft runs watch ${runId}`);
    }
    const record = await readRunRecord(store, runId);
    if (!record) throw inputError('RUN_RECORD', where, 'no run.json is stored', 'a run that began', 'graft run FILE');
    const config = extended(record.config, epochs, where, output);
    const { gateOnly } = record;
    await runs.start({ runId, config, requestedBy: requester(), ...(gateOnly ? { gateOnly } : {}) });
    output.say(`run ${runId} goes on to epoch ${epochs}`);
    if (detach) output.result({ runId, status: 'running' });
    else await followCommand(services, { runId, output, requirePromotion: requirePromotion === true });
  });
}

/** The same training with more epochs; says what that does to its schedule. */
export function extended(
  config: PipelineConfig,
  epochs: number,
  where: string,
  output: Pick<Output, 'warn'>,
): PipelineConfig {
  const { config: longer, warning } = extendedConfig(config, epochs, where);
  if (warning !== null) output.warn(`WARNING: ${warning}`);
  return longer;
}
