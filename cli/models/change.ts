import { randomUUID } from 'node:crypto';
import { Command } from 'commander';
import type { AliasChangeInput } from '../../contracts/alias-change.ts';
import { inputError } from '../../core/errors.ts';
import { changeAlias } from '../../infra/clients/alias-client.ts';
import { readModel } from '../../infra/clients/registry.ts';
import { requester } from '../../infra/clients/requester.ts';
import { startServices, withServices } from '../lib/services.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import type { Output } from '../output.ts';
import { positive } from '../lib/positive.ts';

interface ChangeFlags {
  readonly alias: string;
  readonly reason?: string;
  readonly to?: number;
  readonly allowClassMapChange?: boolean;
  readonly skipCheck?: boolean;
}

const HELP = `
The version is loaded first and must give the recorded answers to known test images. Who asked, why, what the gate had
said and what the check found are entered in the ledger.`;

/** `graft models promote NAME VERSION --reason WHY`: past the gate, with a name and a reason. */
export function promoteCommand(): Command {
  const command = withChangeOptions(
    new Command('promote')
      .description('Put a version where an alias points, past the gate: the ledger keeps who and why.')
      .argument('<name>', 'a model')
      .argument('<version>', 'a version', positive)
      .requiredOption('--reason <why>', 'why the gate is overridden; the ledger keeps it')
      .addHelpText('after', `${HELP}\n\nExamples:\n  graft models promote digits 4 --reason 'agreed with the clinic'`),
  );
  return command.action((name: string, to: number, flags: ChangeFlags) =>
    change(name, 'promote', { ...flags, to }, outputOf(command)),
  );
}

/** `graft models rollback NAME`. */
export function rollbackCommand(): Command {
  const command = withChangeOptions(
    new Command('rollback')
      .description('Point an alias back at the version before, or at --to VERSION, after checking that it works.')
      .argument('<name>', 'a model')
      .option('--to <version>', 'which version; the one before the last move where absent', positive)
      .option('--reason <why>', 'why; the ledger keeps it', 'rolled back by hand')
      .addHelpText(
        'after',
        `${HELP}\n\nExamples:\n  graft models rollback digits\n  graft models rollback digits --to 2`,
      ),
  );
  return command.action((name: string, flags: ChangeFlags) => change(name, 'rollback', flags, outputOf(command)));
}

function withChangeOptions(command: Command): Command {
  return withCommonOptions(
    command
      .option('--alias <alias>', 'which alias', 'champion')
      .option('--allow-class-map-change', 'although it knows other classes')
      .option('--skip-check', 'without asking it for known answers; the ledger says so'),
  );
}

async function change(
  name: string,
  action: AliasChangeInput['action'],
  flags: ChangeFlags,
  output: Output,
): Promise<void> {
  const { alias, reason = '', to, allowClassMapChange = false, skipCheck = false } = flags;
  if (reason.trim() === '') {
    throw inputError('REASON', '--reason', 'nothing', 'why the alias is moved', 'say it in a few words');
  }
  await startServices(output);
  await withServices(async ({ store, temporal }) => {
    await readModel(store, name);
    const moved = await changeAlias(temporal, {
      ...{ requestId: randomUUID(), model: name, alias, action, to: to ?? null, reason: reason.trim() },
      ...{ actor: requester(), allowClassMapChange, skipCheck },
    });
    const before = moved.from === null ? 'nothing' : `version ${moved.from}`;
    output.say(moved.check);
    output.say(
      moved.moved
        ? `${alias} of ${name} is version ${moved.to} (was ${before})`
        : `${alias} of ${name} was version ${moved.to} already`,
    );
    output.result(moved);
  });
}
