import { writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { firstAdvice, firstPipeline } from '../core/dataset/first-pipeline.ts';
import { errnoOf, inputError } from '../core/errors.ts';
import { lookAtLocal, readLocalData, targetOf } from './lib/local-data.ts';
import { epochsOf, readPipelineConfig, sayImported, yamlOf } from './lib/init-from-pipeline-config.ts';
import type { SeenData } from './lib/init-from-pipeline-config.ts';
import type { Output } from './output.ts';
import { outputOf, withCommonOptions } from './output.ts';

const HELP = `
Looks at the data as graft data check does, and writes a pipeline file with the reasons beside the settings.

With --pipeline-config it brings a configuration of the TF Object Detection API over: every field becomes a key, is what
graft does anyway, or is named (docs/bring-a-pipeline-config.md). Without a data set the source is left for you to name.

Examples:
  graft init ./pets
  graft init ./pets --out pets.yaml
  graft init ./pets --pipeline-config ssd_mobilenet_v1_pets.config`;

/** `graft init [DIR]`. */
export function initCommand(): Command {
  const command = withCommonOptions(
    new Command('init')
      .description('Look at a data set and write a commented graft.yaml.')
      .argument('[source]', 'a data set; this folder where absent')
      .option('--out <file>', 'where it goes', 'graft.yaml')
      .option('--force', 'write over a file that is there')
      .option('--pipeline-config <file>', 'bring this pipeline.config of the TF Object Detection API over')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string | undefined, options: InitOptions) => {
    const output = outputOf(command);
    if (options.pipelineConfig !== undefined) return importConfig(source, options.pipelineConfig, options, output);
    await lookAndWrite(source ?? '.', options, output);
  });
}

interface InitOptions {
  readonly out: string;
  readonly force?: boolean;
  readonly pipelineConfig?: string;
}

async function lookAndWrite(source: string, options: InitOptions, output: Output): Promise<void> {
  const { out } = options;
  const data = await readLocalData(await targetOf(source), output);
  const { report } = lookAtLocal(data);
  const name = slugOf(basename(resolve(source)));
  const text = firstPipeline({ name, source: sourceFrom(source, out), task: data.task, look: report });
  await write(text, options);
  const { strategy, why } = firstAdvice(report.statistics.images);
  for (const { code, message } of report.findings) output.say(`${code}: ${message}`);
  output.say(`strategy ${strategy}: ${why}`);
  output.say(`written: ${out}; look at the data with graft data check ${out}, train with graft run ${out}`);
  output.result({ file: out, name, strategy, why, findings: report.findings.map((finding) => ({ ...finding })) });
}

async function importConfig(
  source: string | undefined,
  from: string,
  options: InitOptions,
  output: Output,
): Promise<void> {
  const { out } = options;
  const imported = await readPipelineConfig(from);
  const seen = source === undefined ? null : await seenIn(source, output);
  const name = slugOf(source === undefined ? basename(from).replace(/\.[^.]*$/, '') : basename(resolve(source)));
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
}

async function seenIn(source: string, output: Output): Promise<SeenData> {
  const { statistics } = lookAtLocal(await readLocalData(await targetOf(source), output)).report;
  return { images: statistics.images, classes: Object.keys(statistics.perClass).length };
}

async function write(text: string, { out, force }: InitOptions): Promise<void> {
  try {
    await writeFile(out, text, { flag: force === true ? 'w' : 'wx' });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const remedy = 'name another with --out, or add --force';
    throw inputError('INIT_EXISTS', out, 'there is such a file', 'none yet', remedy);
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
    .slice(0, 63)
    .replace(/-+$/, '');
  return slug === '' ? 'data' : slug;
}
