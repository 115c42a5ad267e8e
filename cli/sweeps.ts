import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { SpaceConfig } from '../contracts/sweep-config.ts';
import { SweepReport, SweepRecord } from '../contracts/sweep.ts';
import { inputError } from '../core/errors.ts';
import type { SweepCommand } from '../core/search/sweep.ts';
import { asOne } from '../infra/pipeline-file/problems.ts';
import { parseYaml } from '../infra/pipeline-file/yaml-source.ts';
import { readSpace } from '../infra/sweep-file/space.ts';
import { unwrap } from '../core/result.ts';
import { withServices } from './lib/services.ts';
import type { Services } from './lib/services.ts';
import { sweepCsv } from './lib/sweep-csv.ts';
import { sweepHtml } from './lib/sweep-html.ts';
import { followSweep, showSweep } from './lib/sweep-view.ts';
import { findSweep } from '../infra/clients/sweeps-client.ts';
import { duration, moment } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';

const SWEEP = 'a sweep id, the unambiguous beginning of one, or latest';

/** `graft sweeps …`: what is searched for, how far it is, and what to change about it. */
export function sweepsCommand(): Command {
  return new Command('sweeps')
    .description('List, show, watch and change sweeps.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(watchCommand())
    .addCommand(
      changeCommand('pause', 'Begin nothing more; what trains goes on to the end of its part.', () => ({
        kind: 'pause',
      })),
    )
    .addCommand(changeCommand('resume', 'Go on after a pause.', () => ({ kind: 'resume' })))
    .addCommand(stopCommand())
    .addCommand(
      changeCommand('cancel', 'End it without a promotion; trials keep their checkpoints.', () => ({
        kind: 'stop',
        reason: 'cancelled',
      })),
    )
    .addCommand(addCommand())
    .addCommand(budgetCommand())
    .addCommand(spaceCommand())
    .addHelpText('after', '\nExamples:\n  graft sweeps show latest\n  graft sweeps stop latest --trial 7');
}

function listCommand(): Command {
  const command = withCommonOptions(
    new Command('list')
      .description('List sweeps, the newest first.')
      .addHelpText('after', '\nExamples:\n  graft sweeps list'),
  );
  return command.action(async () => {
    const output = outputOf(command);
    const sweeps = await withServices(({ sweeps: client }) => client.list(50));
    const row = ({ sweepId, status, startedAt, endedAt }: (typeof sweeps)[number]): string[] => {
      const seconds = ((endedAt ?? new Date()).getTime() - startedAt.getTime()) / 1000;
      return [sweepId, status, moment(startedAt), duration(seconds)];
    };
    if (sweeps.length === 0) output.say('no sweeps yet: graft sweep FILE');
    else output.table(['sweep', 'status', 'started', 'time'], sweeps.map(row));
    const listed = sweeps.map((each) => ({
      ...each,
      startedAt: each.startedAt.toISOString(),
      endedAt: each.endedAt?.toISOString() ?? null,
    }));
    output.result({ sweeps: listed });
  });
}

function showCommand(): Command {
  const command = withCommonOptions(
    new Command('show')
      .description('Show a sweep: its trials, the best, what mattered.')
      .argument('<sweep>', SWEEP)
      .option('--csv <file>', 'write the trials as CSV, safe for spreadsheets')
      .option('--html <file>', 'write a page: parallel coordinates, importance, progress')
      .addHelpText(
        'after',
        '\nExamples:\n  graft sweeps show latest\n  graft sweeps show latest --html sweep.html --csv sweep.csv',
      ),
  );
  return command.action((text: string, { csv, html }: { csv?: string; html?: string }) =>
    withServices(async (services) => {
      const output = outputOf(command);
      const { report, space } = await known(text, services);
      showSweep(report, output);
      if (csv !== undefined) await writeFile(csv, sweepCsv(report));
      if (html !== undefined) await writeFile(html, sweepHtml(report, space));
      output.result(report);
    }),
  );
}

/** From Temporal, or from storage where Temporal has forgotten it. */
async function known(text: string, { sweeps, store }: Services) {
  const sweepId = await findSweep(text, sweeps).catch(async (error: unknown) => {
    if (!(await store.head(`sweeps/${text}/report.json`))) throw error;
    return text;
  });
  const stored = await store.get(`sweeps/${sweepId}/sweep.json`);
  const record = stored ? SweepRecord.parse(JSON.parse(new TextDecoder().decode(stored.body))) : null;
  const id = SweepReport.shape.sweepId.parse(sweepId);
  const report = await sweeps.report(id).catch(async (error: unknown) => {
    const kept = await store.get(`sweeps/${sweepId}/report.json`);
    if (!kept) throw error;
    return SweepReport.parse(JSON.parse(new TextDecoder().decode(kept.body)));
  });
  return { report, space: record?.input.state.search.space ?? { parameters: [], constraints: [] } };
}

function watchCommand(): Command {
  const command = withCommonOptions(
    new Command('watch')
      .description('Follow a sweep to its end, as graft sweep does. Ctrl-C leaves it alone.')
      .argument('<sweep>', SWEEP)
      .addHelpText('after', '\nExamples:\n  graft sweeps watch latest'),
  );
  return command.action((text: string) =>
    withServices(async ({ sweeps }) => followSweep(sweeps, await findSweep(text, sweeps), outputOf(command))),
  );
}

function changeCommand(name: string, description: string, asked: () => SweepCommand): Command {
  const command = withCommonOptions(
    new Command(name)
      .description(description)
      .argument('<sweep>', SWEEP)
      .addHelpText('after', `\nExamples:\n  graft sweeps ${name} latest`),
  );
  return command.action((text: string) => change(text, asked(), command));
}

async function change(text: string, asked: SweepCommand, command: Command): Promise<void> {
  await withServices(async ({ sweeps }) => {
    const output = outputOf(command);
    const sweepId = await findSweep(text, sweeps);
    const report = await sweeps.change(sweepId, asked);
    output.say(`${sweepId} is ${report.ended === null ? report.status : `ending (${report.ended})`}`);
    output.result(report);
  });
}

function stopCommand(): Command {
  const command = withCommonOptions(
    new Command('stop')
      .description('End a sweep with what it has found, or one of its trials.')
      .argument('<sweep>', SWEEP)
      .option('--trial <number>', 'only this trial', wholeNumber)
      .addHelpText('after', '\nExamples:\n  graft sweeps stop latest\n  graft sweeps stop latest --trial 7'),
  );
  return command.action((text: string, { trial }: { trial?: number }) =>
    change(text, trial === undefined ? { kind: 'stop', reason: 'asked' } : { kind: 'stop-trial', trial }, command),
  );
}

function addCommand(): Command {
  const command = withCommonOptions(
    new Command('add')
      .description('Try these settings as well, next.')
      .argument('<sweep>', SWEEP)
      .argument('<values...>', 'key=value for each parameter that is there')
      .addHelpText(
        'after',
        '\nExamples:\n  graft sweeps add latest train.optimizer.learningRate=0.003 model.strategy=head',
      ),
  );
  return command.action((text: string, pairs: readonly string[]) => {
    const values = Object.fromEntries(pairs.map((pair) => keyAndValue(pair)));
    return change(text, { kind: 'add', values: [values] }, command);
  });
}

function keyAndValue(pair: string) {
  const at = pair.indexOf('=');
  if (at < 1) throw inputError('USAGE', pair.slice(0, 80), 'no “=”', 'KEY=VALUE');
  const parsed = parseYaml(pair.slice(at + 1), pair.slice(0, 80));
  if (!parsed.ok) throw asOne(parsed.error) ?? inputError('USAGE', pair, 'unreadable');
  return [pair.slice(0, at), parsed.value.value] as const;
}

function budgetCommand(): Command {
  const command = withCommonOptions(
    new Command('budget')
      .description('Change how many trials there may be in all.')
      .argument('<sweep>', SWEEP)
      .argument('<trials>', 'so many', wholeNumber)
      .addHelpText('after', '\nExamples:\n  graft sweeps budget latest 60'),
  );
  return command.action((text: string, trials: number) => change(text, { kind: 'budget', trials }, command));
}

function spaceCommand(): Command {
  const command = withCommonOptions(
    new Command('space')
      .description('Narrow or widen the space from now on, with a file of the same form as `space:` in a sweep file.')
      .argument('<sweep>', SWEEP)
      .argument('<file>', 'a YAML file')
      .addHelpText('after', '\nExamples:\n  graft sweeps space latest narrower.yaml'),
  );
  return command.action(async (text: string, file: string) => {
    const parsed = parseYaml(await readFile(file, 'utf8'), file);
    if (!parsed.ok) throw asOne(parsed.error) ?? inputError('CONFIG_VALUE', file, 'unreadable');
    const config = SpaceConfig.safeParse(parsed.value.value);
    if (!config.success) throw inputError('CONFIG_VALUE', file, z.prettifyError(config.error).slice(0, 300), 'a space');
    const { space, problems } = readSpace(config.data, [], { place: (path) => `${file} ${path.join('.')}` });
    const wrong = asOne(problems);
    unwrap(wrong ? { ok: false, error: wrong } : { ok: true, value: space });
    await change(text, { kind: 'space', space }, command);
  });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('a whole number is needed.');
}
