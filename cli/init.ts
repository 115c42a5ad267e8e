import { writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { firstPipeline } from '../core/dataset/first-pipeline.ts';
import { errnoOf, inputError } from '../core/errors.ts';
import { adviceOnData } from './lib/plan/init-advice.ts';
import { showAdvice } from './lib/plan/view.ts';
import { lookAtLocal, readLocalData, targetOf } from './lib/local-data.ts';
import { outputOf, withCommonOptions } from './output.ts';

interface InitOptions {
  readonly out: string;
  readonly force?: boolean;
  readonly probe: boolean;
}

const HELP = `
Looks at the data as graft data check does, measures on up to 300 pictures how well a pretrained network's codes tell the
classes apart, and writes a pipeline file with the advice and its reasons beside the settings.

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
      .option('--no-probe', 'advise by size alone, without sending pictures through the network')
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, { out, force, probe }: InitOptions) => {
    const output = outputOf(command);
    const data = await readLocalData(await targetOf(source), output);
    const { report } = lookAtLocal(data);
    const name = slugOf(basename(resolve(source)));
    const advice = await adviceOnData(data, report, probe, output);
    const text = firstPipeline({ name, source: sourceFrom(source, out), task: data.task, look: report, advice });
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
    for (const { code, message } of report.findings) output.say(`${code}: ${message}`);
    showAdvice(advice, output);
    output.say(`written: ${out}; look at the data with graft data check ${out}, train with graft run ${out}`);
    const { strategy, why } = advice;
    output.result({
      ...{ file: out, name, strategy, why: why.join('; ') },
      findings: report.findings.map((finding) => ({ ...finding })),
      advice: { ...advice, why: [...why], cautions: advice.cautions.map((caution) => ({ ...caution })) },
    });
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
