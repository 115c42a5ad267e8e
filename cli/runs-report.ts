import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { inputError } from '../core/errors.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { withServices } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';

const FILES = ['report.html', 'report.md'] as const;

/** `graft runs report RUN --out DIR`: what a run has left for people to read. */
export function reportCommand(): Command {
  const command = withCommonOptions(
    new Command('report')
      .description('Fetch the report of a run that has ended: one HTML file, and Markdown for a pull request.')
      .argument('<run>', 'a run id, the unambiguous beginning of one, or latest')
      .option('--out <folder>', 'where to', '.')
      .addHelpText(
        'after',
        '\nExamples:\n  graft runs report latest\n  graft runs report digits-20261124 --out reports',
      ),
  );
  return command.action((text: string, { out }: { out: string }) =>
    withServices(async ({ runs, store }) => {
      const output = outputOf(command);
      const { runId } = await findRun(text, runs, store);
      const files: string[] = [];
      for (const name of FILES) {
        const found = await store.get(`runs/${runId}/report/${name}`);
        if (!found) {
          const seen = 'it has left no report';
          const remedy = `graft runs show ${runId} says how far it is`;
          throw inputError('REPORT_NOT_FOUND', `run ${runId}`, seen, 'a run that has ended with this graft', remedy);
        }
        await mkdir(out, { recursive: true });
        const path = join(out, `${runId}.${name.split('.')[1] ?? ''}`);
        await writeFile(path, found.body);
        files.push(path);
        output.say(path);
      }
      output.result({ runId, files });
    }),
  );
}
