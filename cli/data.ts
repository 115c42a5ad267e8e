import { Command } from 'commander';
import { exportCommand } from './data/export.ts';

/** `graft data …`: data sets before they are trained on. */
export function dataCommand(): Command {
  return new Command('data')
    .description('Look at data sets, and write them as other tools have them.')
    .addCommand(exportCommand())
    .addHelpText('after', '\nExamples:\n  graft data export ./pets --as coco --out ./pets-coco');
}
