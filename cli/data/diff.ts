import { Command } from 'commander';
import { diffItems } from '../../core/dataset/diff.ts';
import type { DiffedItem } from '../../core/dataset/diff.ts';
import { readLocalData, targetOf } from '../lib/local-data.ts';
import { storedItems, storedVersion } from '../lib/stored-data.ts';
import { plural } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import type { Output } from '../output.ts';

const HELP = `
Each of the two is a data set, a graft.yaml, or NAME@VERSION of one that a run has read (the first characters of the
version are enough).

Examples:
  graft data diff ./pets-may ./pets-june
  graft data diff pets@3f2a91 ./pets --json`;

const SHOWN = 5;

/** `graft data diff A B`. */
export function diffCommand(): Command {
  const command = withCommonOptions(
    new Command('diff')
      .description('Say what is in one version of a data set and not in another.')
      .argument('<before>', 'a data set, a graft.yaml, or NAME@VERSION')
      .argument('<after>', 'the same')
      .addHelpText('after', HELP),
  );
  return command.action(async (before: string, after: string) => {
    const output = outputOf(command);
    const diff = diffItems(await itemsOf(before, output), await itemsOf(after, output));
    const { added, removed, moved, changed, relabelled, classes } = diff;
    const lists = { added, removed, moved, changed, relabelled };
    output.table(
      ['what', 'pictures', 'such as'],
      Object.entries(lists).map(([what, paths]) => [what, paths.length, paths.slice(0, SHOWN).join(', ')]),
    );
    output.table(
      ['class', 'before', 'after'],
      classes.map((each) => [each.label, each.before, each.after]),
    );
    output.say(`${plural(diff.same, 'picture')} as before`);
    output.result({ ...lists, same: diff.same, classes: classes.map((each) => ({ ...each })) });
  });
}

async function itemsOf(text: string, output: Output): Promise<DiffedItem[]> {
  const stored = storedVersion(text);
  if (stored !== null) return storedItems(stored.name, stored.version);
  return [...(await readLocalData(await targetOf(text), output)).items];
}
