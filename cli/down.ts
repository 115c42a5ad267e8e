import { Command } from 'commander';
import { down } from '../infra/embedded/down.ts';
import { outputOf, withCommonOptions } from './output.ts';

const HELP = `
Stops exactly what graft up started in this folder and waits until it is gone. A training that is under way writes
a checkpoint first and goes on after the next graft up. Nothing is deleted.

Examples:
  graft down
  graft down --json              {"stopped": ["s3", "temporal", "web", "worker"]}`;

export function downCommand(): Command {
  return withCommonOptions(new Command('down').description('Stop what graft up started.'))
    .addHelpText('after', HELP)
    .action(async (_options: object, command: Command) => {
      const output = outputOf(command);
      const stopped = await down();
      output.say(stopped.length === 0 ? 'Nothing was running.' : `Stopped ${stopped.join(', ')}.`);
      output.result({ stopped });
    });
}
