import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { QuarantinedItem } from '../../contracts/manifests.ts';
import { DatasetFormat } from '../../contracts/dataset-formats.ts';
import { FlatNames, exportFormats } from '../../core/dataset/export/export-item.ts';
import type { ExportFormat } from '../../core/dataset/export/export-item.ts';
import { extensionOf } from '../../core/dataset/names.ts';
import { sortedClasses } from '../../core/dataset/order.ts';
import type { OutsideBoxes } from '../../core/dataset/settle.ts';
import type { SourceFormat } from '../../infra/ports/dataset-source.ts';
import { writeExport } from '../../infra/sources/write-export.ts';
import type { ExportFile } from '../../infra/sources/write-export.ts';
import { readItems, withDataSource } from '../lib/data-source.ts';
import type { DataBench } from '../lib/data-source.ts';
import { count } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import type { Output } from '../output.ts';

interface ExportOptions {
  readonly as: ExportFormat;
  readonly out: string;
  readonly format: 'auto' | SourceFormat;
  readonly outsideBoxes: OutsideBoxes;
}

/** Quarantined items that a person is shown; `--json` has them all. */
const SHOWN = 5;

export function exportCommand(): Command {
  const command = withCommonOptions(
    new Command('export')
      .description('Write a data set with boxes in the layout of another tool, pictures with it.')
      .argument('<source>', 'a folder, an archive, s3://bucket/prefix or https://…')
      .addOption(new Option('--as <format>', 'what it is to be').choices(exportFormats).makeOptionMandatory())
      .requiredOption('--out <folder>', 'where it goes: an empty folder, or none yet')
      .addOption(
        new Option('--format <format>', 'how the source lies')
          .choices(['auto', ...DatasetFormat.options])
          .default('auto'),
      )
      .addOption(
        new Option('--outside-boxes <policy>', 'boxes that reach beyond their picture')
          .choices(['quarantine', 'clip'])
          .default('quarantine'),
      )
      .addHelpText(
        'after',
        '\nExamples:\n  graft data export ./VOCdevkit --as coco --out ./voc-coco\n  graft data export ./coco --as yolo --out ./coco-yolo --json',
      ),
  );
  return command.action(async (source: string) => {
    const options = command.opts<ExportOptions>();
    const output = outputOf(command);
    await withDataSource(source, options.format, { task: 'detection' }, (bench) => exportFrom(bench, options, output));
  });
}

async function exportFrom(bench: DataBench, { as, out, outsideBoxes }: ExportOptions, output: Output): Promise<void> {
  const { source } = bench;
  const labels = new Set<string>();
  let entries = 0;
  for await (const { annotations } of source.list()) {
    entries++;
    for (const { label } of annotations?.boxes ?? []) labels.add(label);
  }
  const classes = sortedClasses(labels);
  const quarantined: QuarantinedItem[] = [];
  const bar = output.progress('export');
  const items = exportItems(bench, outsideBoxes, quarantined, (done) => bar.update(done, entries));
  const exported = await writeExport(items, as, classes, resolve(out)).finally(() => bar.stop());
  if (exported.images + quarantined.length !== entries) throw new Error('items were lost on the way');
  output.say(`${count(exported.images)} pictures with ${count(exported.boxes)} boxes to ${out}`);
  for (const [flag, boxes] of Object.entries(exported.lost)) {
    output.say(`${as} has no words for ${flag}, which ${count(boxes)} of the boxes said`);
  }
  for (const { path, code, reason } of quarantined.slice(0, SHOWN))
    output.warn(`left out: ${path} — ${code}: ${reason}`);
  if (quarantined.length > SHOWN) output.warn(`left out: ${count(quarantined.length - SHOWN)} more`);
  output.result({ from: source.format, as, out: resolve(out), classes, ...exported, quarantined });
}

async function* exportItems(
  bench: DataBench,
  outside: OutsideBoxes,
  quarantined: QuarantinedItem[],
  onItem: (done: number) => void,
): AsyncGenerator<ExportFile> {
  const names = new FlatNames();
  let done = 0;
  for await (const { entry, path, picture, annotations } of readItems(bench, outside, (item) =>
    quarantined.push(item),
  )) {
    const { width, height, channels, format } = picture;
    // A picture whose own name promises nothing gets what it is.
    const name = names.nameFor(extensionOf(entry.path) === '' ? `${entry.path}.${format}` : entry.path);
    onItem(++done);
    const { boxes = [], side } = annotations;
    yield { name, from: path, width, height, channels, boxes, side };
  }
}
