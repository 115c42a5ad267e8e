import { writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { errnoOf, inputError } from '../core/errors.ts';
import { epochsOf, readPipelineConfig, sayImported, yamlOf } from './lib/imported-config.ts';
import type { SeenData } from './lib/imported-config.ts';
import { lookAtLocal, readLocalData, targetOf } from './lib/local-data.ts';
import type { Output } from './output.ts';
import { outputOf, withCommonOptions } from './output.ts';

const HELP = `
Every field of the file becomes a key, is what graft does anyway, or is named as changed or not supported
(docs/bring-a-pipeline-config.md). With a data set its pictures and classes are counted; without one the source is left for you
to name.

Examples:
  graft import-config ssd_mobilenet_v1_pets.config ./pets
  graft import-config pipeline.config --out pets.yaml`;

interface ImportOptions {
  readonly out: string;
  readonly force?: boolean;
}

/** `graft import-config FILE [SOURCE]`. */
export function importConfigCommand(): Command {
  const command = withCommonOptions(
    new Command('import-config')
      .description('Write a graft.yaml from a pipeline.config of the TF Object Detection API.')
      .argument('<file>', 'the pipeline.config')
      .argument('[source]', 'the data set to train on')
      .option('--out <file>', 'where it goes', 'graft.yaml')
      .option('--force', 'write over a file that is there')
      .addHelpText('after', HELP),
  );
  return command.action(async (from: string, source: string | undefined, options: ImportOptions) => {
    const output = outputOf(command);
    const { out } = options;
    const imported = await readPipelineConfig(from);
    const seen = source === undefined ? null : await seenIn(source, output);
    const name = slugOf(basename(from).replace(/\.[^.]*$/, ''));
    const placed = { name, source: source === undefined ? './data' : sourceFrom(source, out), from: basename(from) };
    await write(yamlOf(placed, imported, seen), options);
    sayImported(imported, seen, output);
    const next = source === undefined ? 'name the data in dataset.source, then ' : '';
    output.say(`written: ${out}; ${next}look at the data with graft data check ${out}, train with graft run ${out}`);
    const { detector, fields, implied } = imported;
    output.result({
      ...{ file: out, name, detector, epochs: epochsOf(imported, seen) },
      fields: fields.map((field) => ({ ...field })),
      implied: implied.map((each) => ({ ...each })),
    });
  });
}

async function seenIn(source: string, output: Output): Promise<SeenData> {
  const { statistics } = lookAtLocal(await readLocalData(await targetOf(source), output)).report;
  return { images: statistics.images, classes: Object.keys(statistics.perClass).length };
}

async function write(text: string, { out, force }: ImportOptions): Promise<void> {
  try {
    await writeFile(out, text, { flag: force === true ? 'w' : 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const remedy = 'name another with --out, or add --force';
    throw inputError('IMPORT_EXISTS', out, 'there is such a file', 'none yet', remedy);
  }
}

/** Paths in a pipeline file are relative to it. */
function sourceFrom(source: string, out: string): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return source;
  const path = relative(dirname(resolve(out)), resolve(source));
  return path === '' ? '.' : path;
}

/** What a pipeline may be called: lower-case letters, digits and inner dashes. */
function slugOf(text: string): string {
  const slug = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return slug === '' ? 'imported' : slug.replace(/-+$/, '');
}
