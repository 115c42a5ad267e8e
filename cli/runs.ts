import { Command } from 'commander';
import { inputError } from '../core/errors.ts';
import { extendCommand } from './runs-extend.ts';
import { reportCommand } from './runs-report.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { followCommand } from './lib/follow-command.ts';
import { isUnderWay } from '../infra/clients/runs-client.ts';
import type { RunInfo } from '../infra/clients/runs-client.ts';
import { showRun } from './lib/show-run.ts';
import { startServices, withServices } from './lib/services.ts';
import { readRunRecord, readRunReport } from '../infra/clients/stored-run.ts';
import { duration, figure, moment } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';
import { positive } from './lib/positive.ts';

const RUN = 'a run id, the unambiguous beginning of one, or latest';

interface FollowFlags {
  readonly detach?: boolean;
  readonly requirePromotion?: boolean;
}

/** `graft runs …`: what ran, what runs, and what to do about it. */
export function runsCommand(): Command {
  return new Command('runs')
    .description('List, show, watch, cancel, resume, extend and report runs.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(watchCommand())
    .addCommand(cancelCommand())
    .addCommand(resumeCommand())
    .addCommand(extendCommand())
    .addCommand(reportCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  graft runs list\n  graft runs show latest\n  graft runs resume digits-20261124',
    );
}

function listCommand(): Command {
  const command = withCommonOptions(
    new Command('list')
      .description('List runs, the newest first.')
      .option('-n, --limit <count>', 'at most so many', positive, 20)
      .option('--all', 'the trials of sweeps as well')
      .addHelpText('after', '\nExamples:\n  graft runs list\n  graft runs list --all -n 100 --json'),
  );
  return command.action(async ({ limit, all }: { limit: number; all?: boolean }) => {
    const output = outputOf(command);
    const trials = all === true ? 'with-trials' : 'without-trials';
    const runs = await withServices(({ runs: client }) => client.list(limit, '', trials));
    if (runs.length === 0) output.say('no runs yet: graft run FILE');
    else output.table(['run', 'status', 'started', 'time', 'accuracy', 'model'], runs.map(row));
    output.result({ runs: runs.map(listed) });
  });
}

function row(run: RunInfo): (string | null)[] {
  const end = run.endedAt ?? new Date();
  return [
    run.runId,
    run.status,
    moment(run.startedAt),
    duration((end.getTime() - run.startedAt.getTime()) / 1000),
    run.accuracy === null ? null : figure(run.accuracy),
    run.version === null ? null : `version ${run.version}${run.promoted ? ', promoted' : ''}`,
  ];
}

function listed({ startedAt, endedAt, ...rest }: RunInfo) {
  return { ...rest, startedAt: startedAt.toISOString(), endedAt: endedAt?.toISOString() ?? null };
}

function showCommand(): Command {
  const command = withCommonOptions(
    new Command('show')
      .description('Show a run: stages, metrics, decision, attempts, checkpoints.')
      .argument('<run>', RUN)
      .addHelpText('after', '\nExamples:\n  graft runs show latest\n  graft runs show digits-20261124-101500 --json'),
  );
  return command.action((text: string) =>
    withServices(async (services) => {
      const found = await findRun(text, services.runs, services.store);
      await showRun(services, found, outputOf(command));
    }),
  );
}

function watchCommand(): Command {
  const command = withCommonOptions(
    new Command('watch')
      .description('Follow a run to its end, as graft run does. Ctrl-C leaves it alone.')
      .argument('<run>', RUN)
      .option('--require-promotion', 'exit with 4 when the gate refuses the new model')
      .addHelpText('after', '\nExamples:\n  graft runs watch latest'),
  );
  return command.action((text: string, { requirePromotion }: FollowFlags) =>
    withServices(async (services) => {
      const output = outputOf(command);
      const { runId } = await knownToTemporal(text, services);
      output.say(`run ${runId}`);
      await followCommand(services, { runId, output, requirePromotion: requirePromotion === true });
    }),
  );
}

function cancelCommand(): Command {
  const command = withCommonOptions(
    new Command('cancel')
      .description('Stop a run: the trainer writes a last checkpoint first, so that it can be resumed exactly.')
      .argument('<run>', RUN)
      .option('--detach', 'ask for it and do not wait')
      .addHelpText('after', '\nExamples:\n  graft runs cancel latest\n  graft runs cancel digits-20261124 --detach'),
  );
  return command.action((text: string, { detach }: FollowFlags) =>
    withServices(async (services) => {
      const output = outputOf(command);
      const { runId, info } = await knownToTemporal(text, services);
      if (!isUnderWay(info.status)) {
        throw inputError(
          'RUN_ENDED',
          `run ${runId}`,
          `it is ${info.status}`,
          'a running run',
          `graft runs show ${runId}`,
        );
      }
      await services.runs.cancel(runId, 'asked for by graft runs cancel');
      output.say(`asked ${runId} to stop`);
      if (detach) output.result({ runId, status: 'running' });
      else await followCommand(services, { runId, output, cancelling: true });
    }),
  );
}

function resumeCommand(): Command {
  const command = withCommonOptions(
    new Command('resume')
      .description(
        'Go on with a cancelled or failed run from its last checkpoint, with the configuration it began with.',
      )
      .argument('<run>', RUN)
      .option('--detach', 'start it and leave it running')
      .option('--require-promotion', 'exit with 4 when the gate refuses the new model')
      .addHelpText('after', '\nExamples:\n  graft runs resume latest'),
  );
  return command.action((text: string, flags: FollowFlags) => resume(text, flags, outputOf(command)));
}

async function resume(text: string, { detach, requirePromotion }: FollowFlags, output: Output): Promise<void> {
  await startServices(output);
  await withServices(async (services) => {
    const { runs, store } = services;
    const { runId, info } = await findRun(text, runs, store);
    const status = info?.status ?? (await readRunReport(store, runId))?.status;
    const where = `run ${runId}`;
    if (isUnderWay(status) && info) {
      throw inputError('RUN_RUNNING', where, 'it is running', 'a run that has ended', `graft runs watch ${runId}`);
    }
    if (status === 'completed') {
      const remedy = `graft runs show ${runId}; a new run of the same file reuses its stages`;
      throw inputError('RUN_COMPLETED', where, 'it is completed', 'a cancelled or failed run', remedy);
    }
    const record = await readRunRecord(store, runId);
    if (!record) {
      const remedy = 'start it anew: graft run FILE';
      throw inputError('RUN_RECORD', where, 'it was never begun: no run.json is stored', 'a run that began', remedy);
    }
    const { config, requestedBy, gateOnly } = record;
    await runs.start({ runId, config, requestedBy, ...(gateOnly ? { gateOnly } : {}) });
    output.say(`run ${runId} goes on`);
    if (detach) output.result({ runId, status: 'running' });
    else await followCommand(services, { runId, output, requirePromotion: requirePromotion === true });
  });
}

/** A run that can be followed: storage alone remembers older ones. */
async function knownToTemporal(text: string, { runs, store }: Parameters<typeof followCommand>[0]) {
  const { runId, info } = await findRun(text, runs, store);
  if (info) return { runId, info };
  const seen = 'Temporal no longer knows it; storage does';
  throw inputError('RUN_ENDED', `run ${runId}`, seen, 'a run of late', `graft runs show ${runId}`);
}
