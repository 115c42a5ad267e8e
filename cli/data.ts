import { Command } from 'commander';
import { anchorsCommand } from './data/anchors.ts';
import { checkCommand } from './data/check.ts';
import { diffCommand } from './data/diff.ts';
import { exportCommand } from './data/export.ts';
import { importCommand } from './data/import.ts';
import { previewCommand } from './data/preview.ts';
import { splitCommand } from './data/split.ts';
import { whoSawCommand } from './models/lineage.ts';
import { statsCommand } from './data/stats.ts';

/** `graft data …`: data sets before they are trained on. */
export function dataCommand(): Command {
  return new Command('data')
    .description('Look at data sets, and write them as other tools have them.')
    .addCommand(checkCommand())
    .addCommand(importCommand())
    .addCommand(statsCommand())
    .addCommand(anchorsCommand())
    .addCommand(previewCommand())
    .addCommand(splitCommand())
    .addCommand(diffCommand())
    .addCommand(exportCommand())
    .addCommand(whoSawCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  graft data check ./pets\n  graft data preview graft.yaml\n  graft data import ./pets\n  graft data export ./pets --as coco --out ./pets-coco',
    );
}
