import { rm, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { settings } from '../infra/config.ts';
import { connectTemporal } from '../infra/temporal/connect.ts';
import { taskQueues } from '../workflows/workflow-ids.ts';
import type { QueueRole } from '../workflows/workflow-ids.ts';
import { requiredConnections } from './lib/services.ts';
import { exitCode, outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

const ROLES: readonly QueueRole[] = ['workflow', 'data', 'train'];

const HELP = `
Queues: workflow (decides what comes next), data (reads and renders pictures, evaluates), train (trains, one run at a time).
SIGTERM drains: a training writes a checkpoint, and another worker goes on from it. GRAFT_READY_FILE names a file that is
made once all queues are polled.

Examples:
  graft worker
  graft worker --queues train`;

/** `graft worker`: a process for real deployments; graft up starts one by itself. */
export function workerCommand(): Command {
  const command = withCommonOptions(
    new Command('worker')
      .description('Work on runs until stopped.')
      .addOption(
        new Option('--queues <names>', `comma-separated: ${ROLES.join(', ')}`)
          .argParser(roles)
          .default([...ROLES], 'all'),
      )
      .addHelpText('after', HELP),
  );
  return command.action(({ queues }: { queues: QueueRole[] }) => work(queues, outputOf(command)));
}

async function work(queues: readonly QueueRole[], output: Output): Promise<void> {
  const connections = requiredConnections();
  // The worker's own connection reports what is wrong in the words of its native core.
  await (await connectTemporal(connections.temporal)).close();
  const { readyFile } = settings();
  if (readyFile !== null) await rm(readyFile, { force: true });
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (): void => {
    if (++signals > 1) process.exit(exitCode.failed);
    output.say('stopping: what is under way comes to a checkpoint first; once more ends it at once');
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Loaded here: the worker brings Temporal's core with it.
  const { runWorker } = await import('../infra/worker.ts');
  try {
    await runWorker({
      connections,
      queues,
      signal: stop.signal,
      onReady: () => {
        output.say(`working on ${queues.map((role) => taskQueues[role]).join(', ')}`);
        if (readyFile !== null) void writeFile(readyFile, `${process.pid}\n`);
      },
    });
  } finally {
    if (readyFile !== null) await rm(readyFile, { force: true });
  }
  output.say('stopped');
  output.result({ queues: [...queues], status: 'stopped' });
}

function roles(text: string): QueueRole[] {
  const named = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const known = ROLES.filter((role) => named.includes(role));
  const unknown = named.filter((name) => !ROLES.some((role) => role === name));
  if (known.length > 0 && unknown.length === 0) return known;
  throw new InvalidArgumentError(`one or more of ${ROLES.join(', ')} with commas between are needed.`);
}
