import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DatasetFormat } from '../../contracts/dataset-formats.ts';
import { DatasetConfig, ImageConfig } from '../../contracts/pipeline-config.ts';
import type { WatchInput, WatchOutcome } from '../../contracts/watch.ts';
import { inputError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { resolveModel } from '../../infra/clients/registry.ts';
import { requester } from '../../infra/clients/requester.ts';
import { stopWatching, watchOnSchedule, watchOnce } from '../../infra/clients/watch-client.ts';
import { loadPipelineFile } from '../../infra/pipeline-file/load.ts';
import { duration, saysTimes, specOf } from '../lib/schedule-options.ts';
import { startServices, withServices } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';
import { count, figure } from '../lib/units.ts';
import { exitCode, outputOf, withCommonOptions } from '../output.ts';
import type { Output } from '../output.ts';

const HELP = `
The model in use and the version before it answer the same new labelled pictures. Where the one before is better beyond chance,
--roll-back moves the alias to it, checked as any rollback, with the reason in the ledger. Where the accuracy fell beyond chance
and --may-fall, or the pictures are unlike those it was trained with, --retrain starts a run.

Examples:
  graft models watch digits --data ./last-week
  graft models watch digits --data s3://pictures/labelled --roll-back --retrain digits.yaml --every 1d
  graft models watch digits --stop
Exit codes: 0 fine or drifted, 3 worse than the version before or than when it was tested.`;

interface Flags {
  readonly data?: string;
  readonly format: DatasetConfig['format'];
  readonly alias: string;
  readonly mayFall: number;
  readonly confidence: number;
  readonly rollBack?: boolean;
  readonly retrain?: string;
  readonly every?: number;
  readonly cron?: readonly string[];
  readonly timeZone?: string;
  readonly stop?: boolean;
}

/** `graft models watch NAME --data SOURCE`. */
export function watchCommand(): Command {
  const command = withCommonOptions(
    new Command('watch')
      .description('Ask the model in use about new labelled pictures: once, or on a schedule.')
      .argument('<name>', 'a model')
      .option('--data <source>', 'labelled pictures: a folder, a table, an archive, s3://… or https://…')
      .addOption(
        new Option('--format <format>', 'how they lie there')
          .choices(['auto', ...DatasetFormat.options])
          .default('auto'),
      )
      .option('--alias <alias>', 'which alias', 'champion')
      .option('--may-fall <share>', 'how much the accuracy may lie below the recorded one', share, 0.03)
      .option('--confidence <share>', 'how sure it must be', share, 0.95)
      .option('--roll-back', 'move the alias to the version before where that one is better')
      .option('--retrain <file>', 'the pipeline file that is run where it is worse, or the pictures have drifted')
      .option('--every <duration>', 'on a schedule, at an interval: 6h, 1d', duration)
      .option(
        '--cron <expression>',
        "on a schedule, e.g. '0 6 * * MON' (repeatable)",
        (one: string, before: string[] = []) => [...before, one],
      )
      .option('--time-zone <name>', 'of cron expressions; UTC where nothing is said')
      .option('--stop', 'end the schedule')
      .addHelpText('after', HELP),
  );
  return command.action(async (name: string, flags: Flags) => {
    const output = outputOf(command);
    if (flags.stop) {
      await withServices(({ temporal }) => stopWatching(temporal, name, flags.alias));
      output.say(`${flags.alias} of ${name} is no longer watched`);
      output.result({ name, alias: flags.alias, watched: false });
      return;
    }
    const spec = saysTimes(flags) ? specOf(flags, new Date()) : null;
    await startServices(output);
    await withServices(async (services) => {
      const input = await inputOf(services, name, flags);
      if (spec) {
        await watchOnSchedule(services.temporal, input, spec);
        output.say(`${flags.alias} of ${name} is watched; each look is kept below models/${name}/watch/`);
        output.result({ name, alias: flags.alias, watched: true });
      } else show(output, await watchOnce(services.temporal, input, randomUUID().slice(0, 8)));
    });
  });
}

async function inputOf({ store }: Services, name: string, flags: Flags): Promise<WatchInput> {
  const { data, format, alias, mayFall, confidence, rollBack = false, retrain } = flags;
  if (data === undefined) {
    throw inputError(
      'WATCH_DATA',
      '--data',
      'nothing',
      'labelled pictures',
      `graft models watch ${name} --data FOLDER`,
    );
  }
  const { model } = await resolveModel(store, `${name}@${alias}`);
  const isUrl = /^[a-z][a-z0-9+.-]+:\/\//i.test(data);
  return {
    ...{ model: name, alias, rules: { mayFall, confidence }, rollBack, requestedBy: requester() },
    dataset: DatasetConfig.parse({
      source: isUrl ? data : resolve(data),
      format,
      name: `${name}-watch`.slice(-63).replace(/^-/, ''),
    }),
    image: ImageConfig.parse({ size: [model.image.heightPx, model.image.widthPx], resize: model.image.resize }),
    backbone: model.backbone,
    retrain: retrain === undefined ? null : unwrap(await loadPipelineFile(retrain, { set: [] })).config,
  };
}

function show(output: Output, { report, rolledBackTo, retraining }: WatchOutcome): void {
  const { version, images, accuracy, before, drift, reason, verdict, model, alias } = report;
  output.table(
    ['version', 'accuracy', 'on', 'alone right'],
    [
      [`${version} (${alias})`, figure(accuracy.seen), `${count(images)} new images`, before?.wins ?? null],
      [`${version} (${alias})`, figure(accuracy.recorded), `${count(accuracy.recordedImages)} test images`, null],
      ...(before
        ? [[`${before.version} (before)`, figure(before.accuracy), `${count(images)} new images`, before.losses]]
        : []),
    ],
  );
  for (const { message } of drift) output.say(`drift: ${message}`);
  output.say(`${verdict}: ${reason}`);
  if (rolledBackTo !== null) output.say(`${alias} of ${model} is version ${rolledBackTo} again`);
  else if (verdict === 'roll-back') output.say(`graft models rollback ${model} puts it back, or --roll-back next time`);
  if (retraining !== null) output.say(`a retraining began: graft runs watch ${retraining}`);
  const { kind: _, ...rest } = report;
  output.result({
    ...rest,
    ...{ accuracy: { ...accuracy }, before: before && { ...before }, drift: drift.map((each) => ({ ...each })) },
    ...{ rolledBackTo, retraining },
  });
  if (verdict === 'worse' || verdict === 'roll-back') process.exitCode = exitCode.failed;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('expected a number from 0 to below 1.');
}
