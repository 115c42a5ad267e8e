import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { CachedStage } from '../contracts/cache-config.ts';
import type { PipelineConfig } from '../contracts/pipeline-config.ts';
import { inputError } from '../core/errors.ts';
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
  readonly cache?: readonly string[];
  readonly gateOnly?: boolean;
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
      .option(
        '--no-cache <stage>',
        'do this stage again although its result is there (repeatable); all of them: all',
        collect,
        [],
      )
      .option('--gate-only', 'a dry run of the gate: every rule with its numbers; nothing is registered or promoted')
      .option('--detach', 'start it and leave it running')
      .option('--require-promotion', 'exit with 4 when the gate refuses the new model')
      .addHelpText('after', HELP),
  );
  return command.action((file: string, options: RunOptions) => run(file, options, command));
}

async function run(file: string, options: RunOptions, command: Command): Promise<void> {
  const output = outputOf(command);
  if (options.gateOnly && options.requirePromotion) {
    const seen = '--gate-only beside --require-promotion';
    throw inputError('USAGE', 'graft run', seen, 'one of them', 'a dry run promotes nothing: leave one out');
  }
  const { config: written, warnings } = unwrap(await loadPipelineFile(file, { set: options.set ?? [] }));
  const config = withoutCache(written, options.cache ?? []);
  for (const warning of warnings) output.warn(findingLine(warning));
  await startServices(output);
  const runId = newRunId(config.name, new Date(), randomInt(0x10000));
  await withServices(async (services) => {
    await checkStoreAnswers(services.store);
    const gateOnly = options.gateOnly === true ? { gateOnly: true } : {};
    const estimate = await keptPlan(config);
    const known = { ...gateOnly, ...(estimate ? { estimate } : {}) };
    await services.runs.start({ runId, config, requestedBy: requester(), ...known });
    output.say(`run ${runId}`);
    if (options.detach) {
      output.say(`watch it: graft runs watch ${runId}`);
      output.result({ runId, status: 'running' });
    } else {
      await followCommand(services, { runId, output, requirePromotion: options.requirePromotion === true });
    }
  });
}

/** `--no-cache STAGE`: these stages beside those that the file names. */
function withoutCache(config: PipelineConfig, stages: readonly string[]): PipelineConfig {
  const bypass = new Set(config.cache.bypass);
  for (const stage of stages) {
    const known = CachedStage.safeParse(stage);
    if (known.success) bypass.add(known.data);
    else if (stage === 'all') for (const each of CachedStage.options) bypass.add(each);
    else {
      const expected = `${CachedStage.options.join(', ')} or all`;
      throw inputError(
        'STAGE_UNKNOWN',
        '--no-cache',
        stage.slice(0, 80),
        expected,
        'name a stage, e.g. --no-cache train',
      );
    }
  }
  return { ...config, cache: { ...config.cache, bypass: [...bypass] } };
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
