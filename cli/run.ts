import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { unwrap } from '../core/result.ts';
import { newRunId } from '../core/run-id.ts';
import { loadPipelineFile } from '../infra/pipeline-file/load.ts';
import { followCommand } from './lib/follow-command.ts';
import { keptPlan } from './lib/plan/keep.ts';
import { requester } from '../infra/clients/requester.ts';
import { findingLine } from './lib/run-view.ts';
import { checkStoreAnswers, startServices, withServices } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';

interface RunOptions {
  readonly set?: readonly string[];
  readonly detach?: boolean;
  readonly requirePromotion?: boolean;
}

const HELP = `
Examples:
  graft run examples/digits/graft.yaml
  graft run digits.yaml --set train.epochs=20 --set 'image.size=[64, 64]'
  graft run digits.yaml --detach
  graft run digits.yaml --json --require-promotion > report.json

Ctrl-C leaves the run alone and says how to watch or cancel it.
Exit codes: 0 done, 2 wrong input, 3 the run failed, 4 not promoted (with --require-promotion), 130 cancelled or left.`;

/** `graft run FILE`: the whole pipeline, followed to its end. */
export function runCommand(): Command {
  const command = withCommonOptions(
    new Command('run')
      .description('Run a pipeline: ingest, validate, split, prepare, train, evaluate, gate, promote.')
      .argument('<file>', 'the pipeline file (graft.yaml)')
      .option('--set <key=value>', 'override a key of the file, e.g. train.epochs=10 (repeatable)', collect)
      .option('--detach', 'start it and leave it running')
      .option('--require-promotion', 'exit with 4 when the gate refuses the new model')
      .addHelpText('after', HELP),
  );
  return command.action((file: string, options: RunOptions) => run(file, options, command));
}

async function run(file: string, options: RunOptions, command: Command): Promise<void> {
  const output = outputOf(command);
  const { config, warnings } = unwrap(await loadPipelineFile(file, { set: options.set ?? [] }));
  for (const warning of warnings) output.warn(findingLine(warning));
  await startServices(output);
  const runId = newRunId(config.name, new Date(), randomInt(0x10000));
  await withServices(async (services) => {
    await checkStoreAnswers(services.store);
    const estimate = await keptPlan(config);
    await services.runs.start({ runId, config, requestedBy: requester(), ...(estimate ? { estimate } : {}) });
    output.say(`run ${runId}`);
    if (options.detach) {
      output.say(`watch it: graft runs watch ${runId}`);
      output.result({ runId, status: 'running' });
    } else {
      await followCommand(services, { runId, output, requirePromotion: options.requirePromotion === true });
    }
  });
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
