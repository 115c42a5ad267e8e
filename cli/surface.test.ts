import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { approveCommand, rejectCommand } from './approve.ts';
import { cacheCommand } from './cache.ts';
import { codesCommand } from './codes.ts';
import { dataCommand } from './data.ts';
import { doctorCommand } from './doctor.ts';
import { downCommand } from './down.ts';
import { evalCommand } from './eval.ts';
import { lrFindCommand } from './lr-find.ts';
import { modelsCommand } from './models.ts';
import { predictCommand } from './predict.ts';
import { importConfigCommand } from './import-config.ts';
import { initCommand } from './init.ts';
import { planCommand } from './plan.ts';
import { runCommand } from './run.ts';
import { runsCommand } from './runs.ts';
import { sweepCommand } from './sweep.ts';
import { sweepsCommand } from './sweeps.ts';
import { serveCommand } from './serve.ts';
import { scheduleCommand } from './schedule.ts';
import { tensorboardCommand } from './tensorboard.ts';
import { upCommand } from './up.ts';
import { webCommand } from './web.ts';
import { workerCommand } from './worker.ts';

/** Scripts depend on the command line: it changes by additions only, and each one shows here (architecture §4). */
const commands = [
  doctorCommand(),
  upCommand(),
  downCommand(),
  initCommand(),
  planCommand(),
  lrFindCommand(),
  runCommand(),
  runsCommand(),
  sweepCommand(),
  sweepsCommand(),
  evalCommand(),
  predictCommand(),
  codesCommand(),
  serveCommand(),
  dataCommand(),
  modelsCommand(),
  cacheCommand(),
  approveCommand(),
  rejectCommand(),
  scheduleCommand(),
  importConfigCommand(),
  tensorboardCommand(),
  webCommand(),
  workerCommand(),
];

/** A verb's arguments and options, one a line, and those of the verbs below it. */
function surface(command: Command, path: string): string[] {
  const name = `${path} ${command.name()}`;
  const values = command.registeredArguments.map((argument) => {
    const text = `${argument.name()}${argument.variadic ? '…' : ''}`;
    return argument.required ? `<${text}>` : `[${text}]`;
  });
  const own =
    command.commands.length === 0
      ? [[name, ...values, ...command.options.map(({ flags }) => `(${flags})`)].join(' ')]
      : [];
  return [...own, ...command.commands.flatMap((child) => surface(child, name))];
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

describe('the command line', () => {
  it('has these verbs, arguments and options', () => {
    expect(commands.flatMap((command) => surface(command, 'graft'))).toMatchSnapshot();
  });

  it('registers each of them with graft itself', async () => {
    const bin = fileURLToPath(new URL('../bin/graft.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [bin, '--help']);
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map((match) => match[1]);
    expect(listed).toEqual(commands.map((command) => command.name()));
  });

  it('offers --json and --debug with every verb, and examples', () => {
    for (const command of commands.flatMap(leaves)) {
      const flags = command.options.map(({ long }) => long);
      expect([command.name(), flags]).toEqual([command.name(), expect.arrayContaining(['--json', '--debug'])]);
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help).toMatch(/Examples:\n {2}graft /);
    }
  });
});
