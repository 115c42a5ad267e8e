import { Command, InvalidArgumentError } from 'commander';
import { up } from '../infra/embedded/up.ts';
import type { UpResult } from '../infra/embedded/up.ts';
import { roles } from '../infra/embedded/state-files.ts';
import type { Role } from '../infra/embedded/state-files.ts';
import { provisionView } from './lib/provision-view.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

const HELP = `
Temporal, the object store, the workers and the dashboard run in the background, on loopback, with random credentials; their state
and logs are below .graft/ (GRAFT_STATE_DIR). With TEMPORAL_ADDRESS or S3_ENDPOINT set, that service is used and
not started. Running it again is harmless: it starts what is missing.

Examples:
  graft up                       all of it
  graft up --role temporal,s3    without workers, to run those elsewhere
  graft up --json                addresses for a script
  graft down                     stop it; the data stay`;

export function upCommand(): Command {
  return withCommonOptions(
    new Command('up')
      .description('Start the embedded services that are not running yet.')
      .option('--role <list>', `only some of ${roles.join(', ')}`, parseRoles, [...roles]),
  )
    .addHelpText('after', HELP)
    .action(async (options: { role: Role[] }, command: Command) => {
      const output = outputOf(command);
      const view = provisionView(output);
      try {
        const result = await up({
          roles: options.role,
          onProgress: view.onProgress,
          onStep: output.say,
          onWarning: (text) => {
            output.warn(`WARNING: ${text}`);
          },
        });
        view.stop();
        show(result, output);
      } finally {
        view.stop();
      }
    });
}

function parseRoles(text: string): Role[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !roles.some((role) => role === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`'${unknown}' is none of ${roles.join(', ')}.`);
  return roles.filter((role) => names.includes(role));
}

function show({ temporal, s3, running, started, dashboardUrl }: UpResult, output: Output): void {
  output.table(
    ['service', 'address', ''],
    [
      ['Temporal', temporal?.address ?? null, temporal?.namespace ?? ''],
      ['object store', s3?.endpoint ?? null, s3?.bucket ?? ''],
      ['workers', null, running.includes('worker') ? 'running' : 'not started'],
      ['dashboard', dashboardUrl, dashboardUrl === null ? 'not started' : ''],
    ],
  );
  output.say(started.length === 0 ? 'Everything was running.' : 'Ready. Next: graft run FILE; to stop: graft down');
  output.result({
    temporal: temporal === undefined ? null : { address: temporal.address, namespace: temporal.namespace },
    s3: s3 === undefined ? null : { endpoint: s3.endpoint, bucket: s3.bucket },
    dashboard: { url: dashboardUrl },
  });
}
