import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { unwrap } from '../core/result.ts';
import { loadSweepFile } from '../infra/sweep-file/load.ts';
import { newRunId } from '../core/run-id.ts';
import { requester } from '../infra/clients/requester.ts';
import { checkStoreAnswers, startServices, withServices } from './lib/services.ts';
import { followSweep } from './lib/sweep-view.ts';
import { outputOf, withCommonOptions } from './output.ts';

const HELP = `
Examples:
  graft sweep examples/digits/sweep.yaml
  graft sweep sweep.yaml --detach
  graft sweep sweep.yaml --json > sweep.json

Ctrl-C leaves the sweep alone and says how to watch or cancel it.
Exit codes: 0 done, 2 wrong input, 3 the sweep failed, 130 cancelled or left.`;

/** `graft sweep FILE`: search over settings; the best trial goes to the gate. */
export function sweepCommand(): Command {
  const command = withCommonOptions(
    new Command('sweep')
      .description('Search over settings of a pipeline: trials share data and codes, the best one goes to the gate.')
      .argument('<file>', 'the sweep file')
      .option('--detach', 'start it and leave it running')
      .addHelpText('after', HELP),
  );
  return command.action((file: string, options: { detach?: boolean }) => sweep(file, options, command));
}

async function sweep(file: string, { detach }: { detach?: boolean }, command: Command): Promise<void> {
  const output = outputOf(command);
  const { name, input } = unwrap(await loadSweepFile(file));
  await startServices(output);
  const sweepId = newRunId(name, new Date(), randomInt(0x10000));
  await withServices(async ({ sweeps, store }) => {
    await checkStoreAnswers(store);
    await sweeps.start({ ...input, sweepId, requestedBy: requester() });
    output.say(`sweep ${sweepId}`);
    if (detach) {
      output.say(`watch it: graft sweeps watch ${sweepId}`);
      output.result({ sweepId, status: 'running' });
    } else {
      await followSweep(sweeps, sweepId, output);
    }
  });
}
