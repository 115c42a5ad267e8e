import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { formatError } from '../core/errors.ts';
import { nameCommand } from './lib/command-name.ts';
import { describeError, exitCodeOf } from './output.ts';

/** One line a command. `load` runs for the command that was asked for and no other: nothing heavy loads for the rest. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Runs one command line (without `node` and the script) and resolves to its exit code. */
export async function run(argv: readonly string[], entries: readonly CommandEntry[]): Promise<number> {
  try {
    const program = await buildProgram(argv, entries);
    await program.parseAsync([...argv], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    // Commander has already written its own complaint, help or version.
    if (!(error instanceof CommanderError)) {
      process.stderr.write(`${describeError(error, argv.includes('--debug'))}\n`);
    }
    return exitCodeOf(error);
  }
}

async function buildProgram(argv: readonly string[], entries: readonly CommandEntry[]): Promise<Command> {
  const program = new Command('graft')
    .description('Durable transfer-learning pipelines for computer vision.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .addHelpText('after', `\nExamples:\n  graft doctor --fix\n  graft up\n  graft COMMAND --help`);
  const operands = argv.filter((argument) => !argument.startsWith('-'));
  const wanted = operands[0] === 'help' ? operands[1] : operands[0];
  for (const entry of entries) {
    const command = entry.name === wanted ? await entry.load() : new Command(entry.name);
    program.addCommand(command.summary(entry.summary));
  }
  // Bare `graft` is a person looking around: help, not a complaint.
  if (argv.length === 0) program.action(() => program.outputHelp());
  program.hook('preAction', (_program, action) => {
    nameCommand(pathOf(action));
  });
  complainOurWay(program);
  return program;
}

/** Usage errors in graft's own form and exit code, for a command and all below it; commander finds the did-you-mean. */
function complainOurWay(command: Command): void {
  command.exitOverride().configureOutput({
    outputError: (text, write) => {
      const [seen = '', ...hints] = text
        .trim()
        .replace(/^error: /, '')
        .split('\n');
      const expected = hints.join(' ').replace(/^\((.*)\)$/, '$1');
      const parts = { kind: 'input', where: pathOf(command), seen, expected } as const;
      write(`${formatError('USAGE', { ...parts, remedy: `see ${pathOf(command)} --help` })}\n`);
    },
  });
  for (const child of command.commands) complainOurWay(child);
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}
