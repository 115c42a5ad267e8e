import process from 'node:process';
import { Command } from 'commander';
import pc from 'picocolors';
import { messageOf } from '../core/errors.ts';
import { settings } from '../infra/config.ts';
import { provisionEverything } from '../infra/native/provision-all.ts';
import { diagnose } from './lib/doctor-checks.ts';
import type { Check, CheckStatus } from './lib/doctor-checks.ts';
import { provisionView } from './lib/provision-view.ts';
import { exitCode, outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

const HELP = `
Looks at Node.js, TensorFlow (loads it and computes with it), the programs for the embedded services, the services
themselves, and the disk. Ends with 0 when graft can work, with 3 when something has to be mended first.

Examples:
  graft doctor
  graft doctor --fix     fetches and builds what is missing, and checks every byte of what is there
  graft doctor --json    {"usable": true, "checks": [...], "tensorflow": {...}}`;

export function doctorCommand(): Command {
  return withCommonOptions(
    new Command('doctor')
      .description('Tell what is installed, what is reachable, and how to mend what is not.')
      .option('--fix', 'fetch and build what is missing'),
  )
    .addHelpText('after', HELP)
    .action(async (options: { fix?: boolean }, command: Command) => {
      const output = outputOf(command);
      const known = settings();
      if (options.fix === true) await fix(output);
      const { checks, tensorflow } = await diagnose(known);
      const usable = checks.every((check) => check.status !== 'bad');
      show(checks, usable, output);
      output.result({
        usable,
        checks: checks.map((check) => ({ ...check })),
        tensorflow: tensorflow === null ? null : { ...tensorflow },
      });
      if (!usable) process.exitCode = exitCode.failed;
    });
}

async function fix(output: Output): Promise<void> {
  const view = provisionView(output);
  try {
    const report = await provisionEverything({ verify: true, onProgress: view.onProgress });
    view.stop();
    for (const outcome of Object.values(report)) {
      if (outcome?.kind === 'failed') output.warn(messageOf(outcome.error));
    }
  } finally {
    view.stop();
  }
}

const marks: Readonly<Record<CheckStatus, string>> = {
  ok: pc.green('ok'),
  note: pc.yellow('note'),
  bad: pc.red('BAD'),
};

function show(checks: readonly Check[], usable: boolean, output: Output): void {
  for (const { name, status, found, mend } of checks) {
    const advice = mend === null ? '' : `\n      ${pc.bold('→')} ${mend}`;
    output.say(`${marks[status].padEnd(4)}  ${pc.bold(name)}: ${found}${advice}`);
  }
  output.say(usable ? '\ngraft can work here.' : '\ngraft can’t work here yet.');
}
