import { writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { firstAdvice, firstPipeline } from '../core/dataset/first-pipeline.ts';
import { errnoOf, inputError } from '../core/errors.ts';
import { lookAtLocal, readLocalData, targetOf } from './lib/local-data.ts';
import { outputOf, withCommonOptions } from './output.ts';

const HELP = `
Looks at the data as graft data check does, and writes a pipeline file with the reasons beside the settings.

Examples:
  graft init ./pets
  graft init ./pets --out pets.yaml`;

/** `graft init [DIR]`. */
export function initCommand(): Command {
  const command = withCommonOptions(
    new Command('init')
      .description('Look at a data set and write a commented graft.yaml.')
      .argument('[source]', 'a data set; this folder where absent', '.')
      .option('--out <file>', 'where it goes', 'graft.yaml')
      .option('--force', 'write over a file that is there')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, { out, force }: { out: string; force?: boolean }) => {
    const output = outputOf(command);
    const data = await readLocalData(await targetOf(source), output);
    const { report } = lookAtLocal(data);
    const name = slugOf(basename(resolve(source)));
    const text = firstPipeline({ name, source: sourceFrom(source, out), task: data.task, look: report });
    try {
      await writeFile(out, text, { flag: force === true ? 'w' : 'wx' });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw inputError(
        'INIT_EXISTS',
        out,
        'there is such a file',
        'none yet',
        'name another with --out, or add --force',
      );
    }
    const { strategy, why } = firstAdvice(report.statistics.images);
    for (const { code, message } of report.findings) output.say(`${code}: ${message}`);
    output.say(`strategy ${strategy}: ${why}`);
    output.say(`written: ${out}; look at the data with graft data check ${out}, train with graft run ${out}`);
    output.result({ file: out, name, strategy, why, findings: report.findings.map((finding) => ({ ...finding })) });
  });
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
