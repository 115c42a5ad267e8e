import { randomInt } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DatasetFormat } from '../../contracts/dataset-formats.ts';
import type { DataImportInput } from '../../contracts/data-import.ts';
import { QuarantinedItem } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { DatasetConfig, ImageConfig, ModelConfig } from '../../contracts/pipeline-config.ts';
import { unwrap } from '../../core/result.ts';
import { newRunId } from '../../core/run-id.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { loadPipelineFile } from '../../infra/pipeline-file/load.ts';
import { importDataset } from '../lib/import-client.ts';
import { requester } from '../../infra/clients/requester.ts';
import { findingLine } from '../lib/run-view.ts';
import { checkStoreAnswers, startServices, withServices } from '../lib/services.ts';
import { slugOf } from '../lib/slug.ts';
import { storedText } from '../lib/stored-data.ts';
import { count, plural } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Reads a data set into the object store as a version, without a run: every picture checked, hashed and stored once, what is
unusable quarantined with its reason, and validated. A run of the same source then finds it read; graft data
check|stats|preview|split|export|diff take NAME@VERSION.

Examples:
  graft data import ./pets
  graft data import graft.yaml
  graft data import s3://pictures/coco --format coco --name street --json`;

interface ImportOptions {
  readonly name?: string;
  readonly format: DatasetConfig['format'];
  readonly task: DataImportInput['task'];
}

/** Unusable files that a person is shown; `--json` has them all. */
const SHOWN = 5;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** `graft data import SOURCE`. */
export function importCommand(): Command {
  const command = withCommonOptions(
    new Command('import')
      .description('Read a data set into the store as a version, validated, without a run.')
      .argument('<source>', 'a data set, or a graft.yaml')
      .option('--name <name>', 'its name in the store; that of graft.yaml or of the folder where absent', nameOf)
      .addOption(
        new Option('--format <format>', 'how it lies there')
          .choices(['auto', ...DatasetFormat.options])
          .default('auto'),
      )
      .addOption(
        new Option('--task <task>', 'what its annotations are for')
          .choices(['auto', 'classification', 'detection'])
          .default('auto'),
      )
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, options: ImportOptions) => {
    const output = outputOf(command);
    const wanted = await wantedFor(source, options);
    await startServices(output);
    await withServices(async (services) => {
      await checkStoreAnswers(services.store);
      const result = await importDataset(services, wanted, output);
      const quarantined = await quarantinedItems(services.store, result.quarantine);
      for (const finding of result.findings) output.say(findingLine(finding));
      for (const { path, code, reason } of quarantined.slice(0, SHOWN))
        output.warn(`quarantined: ${path} — ${code}: ${reason}`);
      if (quarantined.length > SHOWN) output.warn(`quarantined: ${count(quarantined.length - SHOWN)} more`);
      const { name, version, images, classes, cached } = result;
      const read = cached ? 'in the store already' : 'read';
      output.say(`${plural(images, 'image')} in ${count(classes.length)} classes ${read}`);
      output.say(`${name}@${version.slice(0, 12)}: graft data stats ${name}@${version.slice(0, 12)}`);
      const { report, page = null, manifestKey, findings } = result;
      output.result({
        ...{ name, version, images, quarantined: result.quarantined, classes, cached, manifestKey },
        findings: findings.map((finding) => ({ ...finding })),
        quarantinedItems: quarantined.map((item) => ({ ...item })),
        report: report.key,
        page: page?.key ?? null,
      });
    });
  });
}

/** A pipeline file says everything but the task's default; a bare source has every other setting at its default. */
async function wantedFor(source: string, { name, format, task }: ImportOptions): Promise<DataImportInput> {
  const asked = (datasetName: string) => ({
    datasetName,
    importId: newRunId(`import-${datasetName}`.slice(0, 60).replace(/-+$/, ''), new Date(), randomInt(0x10000)),
    requestedBy: requester(),
  });
  if (/\.ya?ml$/i.test(source)) {
    const { config } = unwrap(await loadPipelineFile(source, { set: [] }));
    const { dataset, image, model } = config;
    const wanted = task === 'auto' ? config.task : task;
    return { ...asked(name ?? dataset.name ?? config.name), dataset, task: wanted, image, backbone: model.backbone };
  }
  const isUrl = /^[a-z][a-z0-9+.-]+:\/\//i.test(source);
  const dataset = DatasetConfig.parse({ source: isUrl ? source : resolve(source), format });
  const image = ImageConfig.parse({});
  const called = name ?? slugOf(basename(isUrl ? new URL(source).pathname : resolve(source)).replace(/\..*$/, ''));
  return { ...asked(called), dataset, task, image, backbone: ModelConfig.parse({}).backbone };
}

async function quarantinedItems(store: ObjectStore, blob: BlobRef | null): Promise<QuarantinedItem[]> {
  if (blob === null) return [];
  const lines = (await storedText(store, blob)).split('\n').filter((line) => line !== '');
  return lines.map((line) => QuarantinedItem.parse(JSON.parse(line)));
}

function nameOf(text: string): string {
  if (NAME.test(text)) return text;
  throw new InvalidArgumentError('lower-case letters, digits and inner dashes, at most 63.');
}
