import { Command } from 'commander';
import { boxesOf } from '../lib/data-view.ts';
import { lookAtLocal, readLocalData, targetOf } from '../lib/local-data.ts';
import { count } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Examples:
  graft data stats ./pets
  graft data stats graft.yaml --json`;

/** `graft data stats PATH`. */
export function statsCommand(): Command {
  const command = withCommonOptions(
    new Command('stats')
      .description('Count a data set: images and boxes of each class, sizes, colours.')
      .argument('<source>', 'a data set, a graft.yaml, or NAME@VERSION')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string) => {
    const output = outputOf(command);
    const data = await readLocalData(await targetOf(source), output);
    const { statistics, boxes, colours } = lookAtLocal(data).report;
    const classes = statistics.perClass;
    output.say(`${data.format}: ${count(statistics.images)} images, ${count(data.quarantined.length)} unusable`);
    output.table(['class', boxes === null ? 'images' : 'boxes'], Object.entries(classes));
    output.table(
      ['', 'least', 'most', 'mean'],
      [
        ['width', statistics.width.min, statistics.width.max, statistics.width.mean],
        ['height', statistics.height.min, statistics.height.max, statistics.height.mean],
      ],
    );
    output.result({
      format: data.format,
      images: statistics.images,
      boxes: boxesOf(data.items),
      classes,
      quarantined: data.quarantined.length,
      width: { ...statistics.width },
      height: { ...statistics.height },
      mean: colours === null ? null : [...colours.mean],
      deviation: colours === null ? null : [...colours.deviation],
    });
  });
}
