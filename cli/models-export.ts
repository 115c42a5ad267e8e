import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ExportFormat, ExportPrecision } from '../contracts/export.ts';
import type { ExportManifest } from '../contracts/export.ts';
import { exportModel } from './lib/export-model.ts';
import { messageOf } from '../core/errors.ts';
import { recordExport } from '../infra/clients/exports.ts';
import { resolveModel } from '../infra/clients/registry.ts';
import { withScoring } from './lib/scoring.ts';
import { withStore } from './lib/services.ts';
import { figure } from './lib/units.ts';
import { formatAmount, outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

interface ExportOptions {
  readonly format: ExportFormat;
  readonly precision: ExportPrecision;
  readonly out: string;
  readonly check?: string[];
  readonly keep: boolean;
}

const HELP = `
MODEL is a name (its champion), NAME@VERSION or NAME@ALIAS. Formats: saved-model (TensorFlow and TensorFlow Serving;
decodes and resizes files itself), tfjs (a graph model for browsers), onnx, safetensors. The export is loaded again and
compared with the model on its own test pictures; export.json says how far they are apart. A detector's saved-model and onnx
give the objects after suppression, its tfjs boxes and scores before it; a Faster R-CNN takes one picture at a time. A copy
is kept beside the version, for the dashboard's downloads; the next of the same format and precision takes its place.

Examples:
  graft models export digits --format saved-model --out ./digits-saved
  graft models export digits@3 --format onnx --precision int8 --out ./digits-onnx
  graft models export street --format onnx --out ./street-onnx
  graft models export digits --format tfjs --out ./digits-tfjs --check ./photos --json`;

/** `graft models export MODEL`. */
export function exportCommand(): Command {
  const command = withCommonOptions(
    new Command('export')
      .description('Write a model version for use elsewhere, and check it.')
      .argument('<model>', 'NAME, NAME@VERSION or NAME@ALIAS')
      .addOption(new Option('--format <format>', 'what to write').choices(ExportFormat.options).makeOptionMandatory())
      .requiredOption('--out <folder>', 'where to: a folder that is not there yet, or empty')
      .addOption(
        new Option('--precision <precision>', 'how weights are stored')
          .choices(ExportPrecision.options)
          .default('float32'),
      )
      .option('--check <paths...>', 'compare on these pictures instead of the test set')
      .option('--no-keep', 'keep no copy for the dashboard’s downloads')
      .addHelpText('after', HELP),
  );
  return command.action((model: string, options: ExportOptions) => run(model, options, outputOf(command)));
}

async function run(reference: string, options: ExportOptions, output: Output): Promise<void> {
  const { format, precision, out, check = null, keep } = options;
  const manifest = await withStore(async (store) => {
    const version = await resolveModel(store, reference);
    const written = await withScoring(store, async (scoring) => {
      const bar = output.progress('check');
      try {
        return await exportModel(store, scoring, version, { format, precision, out, check }, (done, total) => {
          bar.update(done, total);
        });
      } finally {
        bar.stop();
      }
    });
    // Who may only read the store has the export all the same.
    await recordExport(store, written, keep ? resolve(out) : null).catch((error: unknown) => {
      output.warn(`WARNING: neither the model card nor the dashboard will tell of it: ${messageOf(error)}`);
    });
    return written;
  });
  output.say(`${manifest.name} version ${manifest.version} as ${format}, ${precision}: ${out}`);
  output.table(
    ['file', 'size'],
    manifest.files.map(({ path, sizeBytes }) => [path, formatAmount(sizeBytes, 'bytes')]),
  );
  output.table(['compared with the model', 'pictures', 'result'], checkRows(manifest));
  output.result({ out, ...manifest });
}

function checkRows({ check: { pixels, files, accuracy, mAP50 } }: ExportManifest): (string | number)[][] {
  const of = pixels.objects ? 'a score or an edge' : 'a probability';
  const rows: (string | number)[][] = [
    [`largest difference of ${of}`, pixels.images, pixels.maxDifference.toExponential(1)],
  ];
  if (pixels.objects) {
    const { found, wrong } = pixels.objects;
    rows.push(['objects, against the rules of suppression', pixels.images, `${found}, ${wrong}`]);
  }
  if (pixels.proposals) {
    const { found, others } = pixels.proposals;
    rows.push(['proposals, others in the export', pixels.images, `${found}, ${others}`]);
  }
  if (files !== null) rows.push(['the same, fed the files', files.images, files.maxDifference.toExponential(1)]);
  for (const [name, share] of [['accuracy', accuracy] as const, ['mAP@.5', mAP50 ?? null] as const]) {
    if (share === null) continue;
    const { images, original, exported } = share;
    rows.push([`${name} of the model, of the export`, images, `${figure(original)}, ${figure(exported)}`]);
  }
  return rows;
}
