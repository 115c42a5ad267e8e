import { Command, InvalidArgumentError } from 'commander';
import { inputError } from '../../core/errors.ts';
import { readModel } from '../../infra/clients/registry.ts';
import { requester } from '../../infra/clients/requester.ts';
import { planRetention, retire, unretire } from '../../infra/clients/retention.ts';
import { duration } from '../lib/schedule-options.ts';
import { withStore } from '../lib/services.ts';
import { plural, sizeOf } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import { positive } from '../lib/positive.ts';

const DAY_MS = 86_400_000;

const HELP = `
A retired version keeps its manifest, its figures and its place in the ledger; its weights may go with graft cache gc. What an
alias points at, where a rollback leads, what was live within --live, what was made within --young, the newest --keep versions
and those with the tag keep always stay.

Examples:
  graft models prune digits                         what would be retired
  graft models prune digits --keep 3 --apply
  graft models prune digits --undo 4                as long as its weights are there`;

interface Flags {
  readonly keep: number;
  readonly live: number;
  readonly young: number;
  readonly apply?: boolean;
  readonly reason: string;
  readonly undo?: number;
}

/** `graft models prune NAME`. */
export function pruneCommand(): Command {
  const command = withCommonOptions(
    new Command('prune')
      .description('Retire versions that nothing needs, so that their weights may go; a dry run without --apply.')
      .argument('<name>', 'a model')
      .option('--keep <count>', 'how many of the newest stay', atLeast0, 5)
      .option('--live <duration>', 'what an alias pointed at within this time stays', duration, 90 * DAY_MS)
      .option('--young <duration>', 'what was made within this time stays', duration, 14 * DAY_MS)
      .option('--reason <why>', 'why; the record keeps it', 'pruned')
      .option('--apply', 'retire them; a dry run where absent')
      .option('--undo <version>', 'take the retirement of a version back', positive)
      .addHelpText('after', HELP),
  );
  return command.action(async (name: string, flags: Flags) => {
    const { keep, live, young, apply = false, reason, undo } = flags;
    const output = outputOf(command);
    if (undo !== undefined) {
      if (apply) throw inputError('PRUNE', '--undo', '--apply beside it', 'one of them', 'leave out --apply');
      await withStore(async (store) => unretire(store, await readModel(store, name), undo));
      output.say(`${name} version ${undo} is kept again`);
      output.result({ name, undone: undo });
      return;
    }
    const nowMs = Date.now();
    const rules = { nowMs, keepNewest: keep, keepLiveMs: live, keepYoungMs: young };
    const { plan, going } = await withStore(async (store) => {
      const planned = await planRetention(store, await readModel(store, name), rules);
      const free = planned.filter(({ stays, retired }) => stays === null && !retired);
      const record = { time: new Date(nowMs).toISOString(), actor: requester(), reason };
      if (apply) for (const { version } of free) await retire(store, name, { version, ...record });
      return { plan: planned, going: free };
    });
    output.table(
      ['version', '', 'why', 'weights'],
      plan.map(({ version, stays, retired, weightsBytes }) => [
        ...[version, retired ? 'retired' : stays === null ? (apply ? 'retired now' : 'would be retired') : 'stays'],
        ...[stays, sizeOf(weightsBytes)],
      ]),
    );
    const bytes = sizeOf(going.reduce((sum, { weightsBytes }) => sum + weightsBytes, 0));
    const what = `${plural(going.length, 'version')} with ${bytes} of weights`;
    output.say(
      apply ? `${what} retired: graft cache gc --apply may mark them now` : `${what} would be retired: --apply does it`,
    );
    output.result({
      name,
      applied: apply,
      versions: plan.map((each) => ({ ...each })),
      retired: going.map(({ version }) => version),
    });
  });
}

function atLeast0(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('a whole number is needed.');
}
