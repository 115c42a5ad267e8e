import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { testSizeOf } from '../../core/dataset/test-size.ts';
import { lookAtLocal, readLocalData, targetOf } from '../lib/local-data.ts';
import { splitLocal } from '../lib/split-local.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Deals a data set as its first run would: by dataset.split of a graft.yaml, or by the defaults. A later run keeps the
sides that images had before.

Examples:
  graft data split ./pets
  graft data split graft.yaml --out sides.csv`;

/** `graft data split PATH`. */
export function splitCommand(): Command {
  const command = withCommonOptions(
    new Command('split')
      .description('Show how a data set would be split, and write it down.')
      .argument('<source>', 'a data set, a graft.yaml, or NAME@VERSION')
      .option('--out <file>', 'write path and side of every picture as CSV')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, { out }: { out?: string }) => {
    const output = outputOf(command);
    const data = await readLocalData(await targetOf(source), output);
    const looked = lookAtLocal(data);
    const { dropped } = looked;
    const { items, split, clusters, sideOf } = splitLocal(data, looked);
    if (out !== undefined) {
      const rows = items.map((item) => `${csvField(item.path)},${sideOf(item)}`);
      await writeFile(out, `${['path,side', ...rows].join('\n')}\n`);
    }
    output.table(
      ['class', 'train', 'validation', 'test'],
      [...split.perClass].map(([label, { train, validation, test }]) => [label, train, validation, test]),
    );
    const { tellable } = testSizeOf(split.counts.test);
    const { train, validation, test } = split.counts;
    output.say(`${train} to train, ${validation} to validate, ${test} to test`);
    output.say(`the test tells two models apart that differ by ${Math.round(1000 * tellable) / 10} points of accuracy`);
    output.result({
      counts: { ...split.counts },
      perClass: Object.fromEntries([...split.perClass].map(([label, counts]) => [label, { ...counts }])),
      clusters: clusters.length,
      torn: split.torn,
      dropped: dropped.map((item) => ({ ...item })),
      tellable,
    });
  });
}

/** RFC 4180; what a spreadsheet would take for a formula gets an apostrophe. */
function csvField(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}
