import { Command } from 'commander';
import { inputError } from '../core/errors.ts';
import { explainCache } from '../infra/clients/cache.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { isUnderWay } from '../infra/clients/runs-client.ts';
import { readRunReport } from '../infra/clients/stored-run.ts';
import { gcCommand } from './cache/gc.ts';
import { withServices } from './lib/services.ts';
import type { Services } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';

/** `graft cache …`: results that runs share. */
export function cacheCommand(): Command {
  return new Command('cache')
    .description('What runs reuse of one another: say why, and remove what nothing needs.')
    .addCommand(explainCommand())
    .addCommand(gcCommand())
    .addHelpText('after', '\nExamples:\n  graft cache explain latest\n  graft cache gc');
}

const HELP = `
A stage is reused where every field of its address is the same: its inputs, the settings that matter to it, and the version
of its code. A miss is shown against the earlier result that differs least.

Examples:
  graft cache explain latest
  graft cache explain digits-20261124 --json`;

function explainCommand(): Command {
  const command = withCommonOptions(
    new Command('explain')
      .description('Say of each stage of a run whether it was reused, and which field made it so.')
      .argument('<run>', 'a run id, the unambiguous beginning of one, or latest')
      .addHelpText('after', HELP),
  );
  return command.action(async (text: string) => {
    const output = outputOf(command);
    await withServices(async (services) => {
      const { runId, stages } = await stagesOf(services, text);
      const explained = await explainCache(services.store, stages);
      output.say(`run ${runId}`);
      output.table(
        ['stage', '', 'why'],
        explained.map(({ stage, cached, text: why }) => [stage, cached ? 'reused' : 'done', why]),
      );
      output.result({
        runId,
        stages: explained.map(({ changes, comparedWith, ...rest }) => ({
          ...rest,
          changes: changes.map((change) => ({ ...change })),
          comparedWith: comparedWith && { ...comparedWith },
        })),
      });
    });
  });
}

/** The stages that a run has finished, from itself while it runs and from its report after. */
async function stagesOf({ runs, store }: Services, text: string) {
  const { runId, info } = await findRun(text, runs, store);
  const running = isUnderWay(info?.status);
  const stages = running ? (await runs.observe(runId)).progress?.stages : (await readRunReport(store, runId))?.stages;
  const known = (stages ?? []).filter(({ manifestKey }) => manifestKey !== undefined);
  if (known.length > 0) return { runId, stages: known };
  const [seen, remedy] =
    stages === undefined
      ? ['nothing is known of its stages', running ? 'start a worker: graft up' : `graft runs show ${runId}`]
      : stages.length === 0
        ? ['it has not finished a stage', `graft runs watch ${runId}`]
        : ['an older graft ran it, which did not keep where its results lie', 'run it again'];
  throw inputError('CACHE_UNKNOWN', `run ${runId}`, seen, 'a stage that was done', remedy);
}
