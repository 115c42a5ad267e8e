import { Command } from 'commander';
import { inputError } from '../../core/errors.ts';
import { liveAt } from '../../core/promotion/ledger.ts';
import { entriesOf, readLedger } from '../../infra/clients/ledger.ts';
import { readModel } from '../../infra/clients/registry.ts';
import { withStore } from '../lib/services.ts';
import { moment } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

/** `graft models history NAME`: who moved an alias, when, from where, why. */
export function historyCommand(): Command {
  const command = withCommonOptions(
    new Command('history')
      .description('Show every move of a model’s aliases: who, when, from, to, why.')
      .argument('<name>', 'a model')
      .addHelpText('after', '\nExamples:\n  graft models history digits\n  graft models history digits --json'),
  );
  return command.action(async (name: string) => {
    const output = outputOf(command);
    const entries = await withStore(async (store) => {
      await readModel(store, name);
      return entriesOf(await readLedger(store, name));
    });
    if (entries.length === 0) output.say(`no alias of ${name} was ever moved`);
    else {
      output.table(
        ['#', 'time', 'who', 'what', 'alias', 'from', 'to', 'why'],
        entries.map((entry) => [
          ...[entry.seq, moment(new Date(entry.time)), entry.actor, entry.action, entry.alias],
          ...[entry.from, entry.to, entry.reason],
        ]),
      );
    }
    output.result({ name, entries });
  });
}

/** `graft models who-was-live NAME --at TIME`. */
export function whoWasLiveCommand(): Command {
  const command = withCommonOptions(
    new Command('who-was-live')
      .description('Say which version an alias pointed at, at a moment, and who had put it there.')
      .argument('<name>', 'a model')
      .requiredOption('--at <time>', 'a moment: 2026-11-24T10:00:00Z, 2026-11-24 (its first second, UTC), or now')
      .option('--alias <alias>', 'which alias', 'champion')
      .addHelpText('after', '\nExamples:\n  graft models who-was-live digits --at 2026-11-24T10:00:00Z'),
  );
  return command.action(async (name: string, { at, alias }: { at: string; alias: string }) => {
    const output = outputOf(command);
    const timeMs = at === 'now' ? Date.now() : Date.parse(at);
    if (Number.isNaN(timeMs)) {
      throw inputError('TIME', '--at', at.slice(0, 80), 'a moment', 'write it as 2026-11-24T10:00:00Z');
    }
    const entries = await withStore(async (store) => {
      await readModel(store, name);
      return entriesOf(await readLedger(store, name));
    });
    const entry = liveAt(entries, alias, timeMs);
    const moved = entry && `since ${moment(new Date(entry.time))}, by ${entry.actor}: ${entry.reason}`;
    output.say(entry ? `${name} version ${entry.to} was ${alias} (${moved ?? ''})` : `${alias} of ${name} was empty`);
    const time = new Date(timeMs).toISOString();
    output.result({ name, alias, at: time, version: entry?.to ?? null, entry });
  });
}
