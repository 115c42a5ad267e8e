import process from 'node:process';
import { Command } from 'commander';
import { checkModel } from '../../infra/clients/ledger.ts';
import { readModel } from '../../infra/clients/registry.ts';
import { withStore } from '../lib/services.ts';
import { plural } from '../lib/units.ts';
import { exitCode, formatAmount, outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Reads every ledger entry, manifest and weights file and checks them against one another. Note the head it prints somewhere
else: with --head it also finds a ledger that was written anew as a whole.

Examples:
  graft models verify digits
  graft models verify digits --head 3f9a…
Exit codes: 0 all agrees, 3 something was changed.`;

/** `graft models verify NAME`. */
export function verifyCommand(): Command {
  const command = withCommonOptions(
    new Command('verify')
      .description('Check that ledger, aliases, manifests and weights of a model agree: nothing cut, changed or moved.')
      .argument('<name>', 'a model')
      .option('--head <sha256>', 'the head of the ledger as an earlier verify printed it')
      .addHelpText('after', HELP),
  );
  return command.action(async (name: string, { head }: { head?: string }) => {
    const output = outputOf(command);
    const bar = output.progress('verify');
    const check = await withStore(async (store) => {
      // A damaged manifest is what this command is for: only the name is checked here.
      await readModel(store, name).catch((error: unknown) => {
        if (!(error instanceof Error) || !/^(REGISTRY_FORMAT|STORE_CORRUPT)/.test(error.message)) throw error;
      });
      const options = { onVersion: (done: number, of: number) => bar.update(done, of) };
      return checkModel(store, name, { ...options, ...(head === undefined ? {} : { knownHead: head }) });
    });
    bar.stop();
    for (const { code, where, seen } of check.problems) output.say(`${code}: ${where} — ${seen}`);
    if (check.pending !== null) {
      output.say(
        `entry ${check.pending} is not followed by the pointer yet: the next promotion or rollback completes it`,
      );
    }
    if (check.unchained > 0) output.say(`${plural(check.unchained, 'move')} from before the hash chain`);
    const read = `${plural(check.entries, 'move')}, ${plural(check.versions, 'version')}, ${formatAmount(check.weightsBytes, 'bytes')} of weights`;
    output.say(
      check.problems.length === 0 ? `all agrees: ${read}` : `${plural(check.problems.length, 'problem')} in ${read}`,
    );
    output.say(`head ${check.head ?? 'none'}`);
    output.result({ ...check, ok: check.problems.length === 0, problems: check.problems.map((each) => ({ ...each })) });
    if (check.problems.length > 0) process.exitCode = exitCode.failed;
  });
}
