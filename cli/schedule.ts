import { Command, InvalidArgumentError } from 'commander';
import { unwrap } from '../core/result.ts';
import { inputError } from '../core/errors.ts';
import { ScheduleId } from '../contracts/schedule.ts';
import { loadPipelineFile } from '../infra/pipeline-file/load.ts';
import { requester } from '../infra/clients/requester.ts';
import type { Overlap } from '../infra/clients/schedules-client.ts';
import { findingLine } from './lib/run-view.ts';
import { overlapOption, saysTimes, specOf, triggerOf, withScheduleOptions } from './lib/schedule-options.ts';
import type { ScheduleFlags } from './lib/schedule-options.ts';
import { describeSchedule, listedSchedule, shownSchedule } from './lib/schedule-view.ts';
import { startServices, withServices } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

const NAME = 'the name of a schedule';
const ONE_HOUR_MS = 3_600_000;

/** `graft schedule …`: retraining by the clock and by the data. */
export function scheduleCommand(): Command {
  const command = new Command('schedule').description('Retrain on a schedule: by the clock, and by what has changed.');
  const commands = [create(), list(), show(), trigger(), pause(), resume(), backfill(), update(), remove()];
  for (const each of commands) command.addCommand(each);
  const examples = [
    "graft schedule create nightly pets.yaml --cron '0 3 * * *' --time-zone Europe/Berlin",
    'graft schedule create weekly pets.yaml --every 7d --new-images 500 --drift 0.2',
    'graft schedule list',
    'graft schedule backfill nightly --from 2026-11-01 --to 2026-11-06',
  ];
  return command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
}

/** A verb below `graft schedule` with the options that all have. */
function verb(name: string, description: string, examples: readonly string[]): Command {
  const lines = examples.map((line) => `  graft schedule ${line}`).join('\n');
  return withCommonOptions(new Command(name).description(description).addHelpText('after', `\nExamples:\n${lines}`));
}

interface CreateFlags extends ScheduleFlags {
  readonly paused?: boolean;
  readonly note?: string;
}

function create(): Command {
  const command = withScheduleOptions(
    verb('create', 'Retrain on a schedule. The file is read now; update reads it again.', [
      "create nightly pets.yaml --cron '0 3 * * *' --time-zone Europe/Berlin --jitter 10m",
      'create weekly pets.yaml --every 7d --new-images 500',
      'create later pets.yaml --every 6h --paused --note "until the labels are in"',
    ])
      .argument('<name>', 'a name for it', scheduleId)
      .argument('<file>', 'the pipeline file (graft.yaml)')
      .option('--paused', 'create it paused')
      .option('--note <text>', 'why: shown with it'),
  );
  return command.action(async (id: string, file: string, flags: CreateFlags) => {
    const output = outputOf(command);
    const spec = specOf(flags, new Date());
    const config = await readFile(file, flags, output);
    await startServices(output);
    await withServices(async ({ schedules }) => {
      const input = {
        scheduleId: id,
        config,
        trigger: triggerOf(flags) ?? { kind: 'changed' as const },
        requestedBy: requester(),
        cron: [...(flags.cron ?? [])],
      };
      const draft = { input, spec, overlap: flags.overlap ?? 'skip', catchUpMs: flags.catchUp ?? ONE_HOUR_MS };
      await schedules.create(draft, { paused: flags.paused === true, ...noteOf(flags) });
      await tellAbout(schedules.show(id), output);
    });
  });
}

function list(): Command {
  const command = verb('list', 'List schedules: when they fire next, and what came of the last time.', [
    'list',
    'list --json',
  ]);
  return command.action(async () => {
    const output = outputOf(command);
    const views = await withServices(({ schedules }) => schedules.list());
    if (views.length === 0) output.say('no schedules yet: graft schedule create NAME FILE --cron …');
    else output.table(['schedule', 'when', 'next', 'last', 'outcome'], views.map(listedSchedule));
    output.result({ schedules: views.map(shownSchedule) });
  });
}

function show(): Command {
  const command = verb('show', 'Show a schedule: times, trigger, the last ticks and why they trained or did not.', [
    'show nightly',
  ]).argument('<name>', NAME);
  return command.action((id: string) =>
    withServices(({ schedules }) => tellAbout(schedules.show(id), outputOf(command))),
  );
}

function trigger(): Command {
  const command = verb('trigger', 'Take a tick now. Its trigger still decides whether it trains.', ['trigger nightly'])
    .argument('<name>', NAME)
    .addOption(overlapOption('instead of the policy of the schedule'));
  return command.action((id: string, { overlap }: { overlap?: Overlap }) =>
    change(id, command, `a tick of ${id} is asked for`, (schedules) => schedules.trigger(id, overlap)),
  );
}

function pause(): Command {
  const command = verb('pause', 'Stop taking ticks; what runs goes on.', ['pause nightly --note "new cameras"'])
    .argument('<name>', NAME)
    .option('--note <text>', 'why: shown with it');
  return command.action((id: string, { note }: { note?: string }) =>
    change(id, command, `${id} is paused`, (schedules) => schedules.pause(id, note)),
  );
}

function resume(): Command {
  const command = verb('resume', 'Take ticks again. Those that were missed are not made up for: backfill does.', [
    'resume nightly',
  ])
    .argument('<name>', NAME)
    .option('--note <text>', 'shown with it');
  return command.action((id: string, { note }: { note?: string }) =>
    change(id, command, `${id} takes ticks again`, (schedules) => schedules.resume(id, note)),
  );
}

interface BackfillFlags {
  readonly from: Date;
  readonly to: Date;
  readonly overlap?: Overlap;
}

function backfill(): Command {
  const command = verb('backfill', 'Take the ticks of a time that has gone by, as if they came now.', [
    'backfill nightly --from 2026-11-01 --to 2026-11-06',
    'backfill nightly --from 2026-11-01T00:00Z --to 2026-11-02T00:00Z --overlap allow-all',
  ])
    .argument('<name>', NAME)
    .requiredOption('--from <time>', 'its beginning, inclusive', moment)
    .requiredOption('--to <time>', 'its end, inclusive', moment)
    .addOption(overlapOption('buffer-all, one after the other, where nothing is said'));
  return command.action((id: string, { from, to, overlap }: BackfillFlags) => {
    if (to <= from) throw inputError('SCHEDULE_RANGE', '--to', to.toISOString(), 'later than --from', 'swap them');
    return change(id, command, `the ticks of ${id} in that time are asked for`, (schedules) =>
      schedules.backfill(id, from, to, overlap ?? 'buffer-all'),
    );
  });
}

function update(): Command {
  const command = withScheduleOptions(
    verb('update', 'Change a schedule. What is not said stays as it is; times are said together.', [
      'update nightly pets.yaml',
      "update nightly --cron '0 4 * * *' --time-zone America/New_York",
      'update nightly --overlap buffer-one',
    ])
      .argument('<name>', NAME)
      .argument('[file]', 'the pipeline file, to be read again'),
  );
  return command.action((id: string, file: string | undefined, flags: ScheduleFlags) =>
    withServices(async ({ schedules }) => {
      const output = outputOf(command);
      const before = await schedules.show(id);
      // A new time zone alone means the same times of the day there.
      const { cron, everyMs, timeZone, jitterMs } = before;
      const kept = { cron, timeZone, jitter: jitterMs, ...(everyMs === null ? {} : { every: everyMs }) };
      const times =
        flags.cron === undefined && flags.every === undefined ? { ...kept, ...flags } : { timeZone, ...flags };
      const config = file === undefined ? before.input.config : await readFile(file, flags, output);
      const trigger = triggerOf(flags) ?? before.input.trigger;
      await schedules.update(id, {
        input: { ...before.input, config, trigger, cron: [...('cron' in times ? (times.cron ?? []) : [])] },
        spec: saysTimes(flags) ? specOf(times, new Date()) : null,
        overlap: flags.overlap ?? before.overlap,
        catchUpMs: flags.catchUp ?? before.catchUpMs,
      });
      await tellAbout(schedules.show(id), output);
    }),
  );
}

function remove(): Command {
  const command = verb('delete', 'Delete a schedule; its runs and models stay.', ['delete nightly']).argument(
    '<name>',
    NAME,
  );
  return command.action((id: string) =>
    withServices(async ({ schedules }) => {
      const output = outputOf(command);
      await schedules.delete(id);
      output.say(`${id} is deleted`);
      output.result({ schedule: id, deleted: true });
    }),
  );
}

type Services = Parameters<Parameters<typeof withServices>[0]>[0];

function change(
  id: string,
  command: Command,
  said: string,
  work: (schedules: Services['schedules']) => Promise<void>,
): Promise<void> {
  const output = outputOf(command);
  return withServices(async ({ schedules }) => {
    await work(schedules);
    output.say(said);
    output.result(shownSchedule(await schedules.show(id)));
  });
}

async function tellAbout(view: ReturnType<Services['schedules']['show']>, output: Output): Promise<void> {
  const found = await view;
  for (const line of describeSchedule(found)) output.say(line);
  output.result(shownSchedule(found));
}

async function readFile(file: string, { set = [] }: ScheduleFlags, output: Output) {
  const { config, warnings } = unwrap(await loadPipelineFile(file, { set }));
  for (const warning of warnings) output.warn(findingLine(warning));
  return config;
}

const noteOf = ({ note }: CreateFlags) => (note === undefined ? {} : { note });

function scheduleId(text: string): string {
  const parsed = ScheduleId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`expected ${parsed.error.issues[0]?.message ?? 'a name'}.`);
}

/** `2026-11-01`, or with a time; in UTC unless it says otherwise. */
function moment(text: string): Date {
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text);
  const date = new Date(!hasZone && text.includes('T') ? `${text}Z` : text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('expected a time such as 2026-11-01 or 2026-11-01T12:00Z.');
}
