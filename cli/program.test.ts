import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inputError, transientError, GraftError } from '../core/errors.ts';
import { commandName } from './lib/command-name.ts';
import { outputOf, withCommonOptions } from './output.ts';
import { run } from './program.ts';
import type { CommandEntry } from './program.ts';

let loaded: string[];
let seen: { stdout: string; stderr: string };
beforeEach(() => {
  loaded = [];
  seen = { stdout: '', stderr: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => ((seen.stdout += String(chunk)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => ((seen.stderr += String(chunk)), true));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

function entry(name: string, action: (command: Command) => void | Promise<void>): CommandEntry {
  return {
    name,
    summary: `does ${name}`,
    load: () => {
      loaded.push(name);
      const command = withCommonOptions(new Command(name).option('--epochs <n>', 'how many'));
      return Promise.resolve(command.action(() => action(command)));
    },
  };
}

const good = entry('models', (command) => {
  const output = outputOf(command);
  output.say('for people');
  output.table(['name'], [['digits']]);
  output.result({ name: 'digits' });
});
const failing = (error: Error): CommandEntry =>
  entry('eval', () => {
    throw error;
  });

describe('run', () => {
  it('loads the module of the command that was asked for and no other', async () => {
    expect(await run(['models'], [good, failing(new Error('x'))])).toBe(0);
    expect(loaded).toEqual(['models']);
    loaded = [];
    expect(await run(['--help'], [good])).toBe(0);
    expect(loaded).toEqual([]);
    expect(seen.stdout).toContain('does models');
  });

  it('names the command that runs, without its arguments: spans are called so', async () => {
    const names: string[] = [];
    const parent = (): CommandEntry => ({
      ...{ name: 'runs', summary: '' },
      load: () => {
        const child = new Command('resume').argument('<run>').action(() => void names.push(commandName()));
        return Promise.resolve(new Command('runs').addCommand(child));
      },
    });
    await run(['runs', 'resume', 'secret-1'], [parent()]);
    await run(['models'], [entry('models', () => void names.push(commandName()))]);
    expect(names).toEqual(['graft runs resume', 'graft models']);
  });

  it('prints exactly one JSON document on stdout with --json, and none without', async () => {
    await run(['models', '--json'], [good]);
    expect(JSON.parse(seen.stdout)).toEqual({ name: 'digits' });
    expect(seen.stderr).toBe('');
    seen = { stdout: '', stderr: '' };
    await run(['models'], [good]);
    expect(seen.stdout).toBe('');
    expect(seen.stderr).toContain('for people');
    expect(seen.stderr).toContain('digits');
  });

  it.each([
    [inputError('CONFIG_KEY', 'digits.yaml', 'epocs'), 2],
    [transientError('STORE_UNREACHABLE', 'http://127.0.0.1:1', 'refused'), 3],
    [new GraftError('CANCELLED', { kind: 'cancelled', where: 'run', seen: 'asked to stop' }), 130],
  ])('ends %s with its exit code and one line without a stack', async (error, code) => {
    expect(await run(['eval', '--json'], [failing(error)])).toBe(code);
    expect(seen.stdout).toBe('');
    expect(seen.stderr).toContain(error.message);
    expect(seen.stderr).not.toContain('    at ');
  });

  it('shows the stack and the causes with --debug', async () => {
    const cause = new Error('socket closed');
    await run(['eval', '--debug'], [failing(transientError('X', 'a', 'b', undefined, undefined, cause))]);
    expect(seen.stderr).toContain('    at ');
    expect(seen.stderr).toContain('socket closed');
  });

  it('calls an unexpected error a fault of graft', async () => {
    expect(await run(['eval'], [failing(new TypeError('x is undefined'))])).toBe(3);
    expect(seen.stderr).toMatch(/^.{0,9}INTERNAL: x is undefined/);
  });

  it('answers a misspelt command or option with exit 2 and what was probably meant', async () => {
    expect(await run(['model'], [good])).toBe(2);
    expect(seen.stderr).toMatch(/^USAGE: graft — unknown command 'model' — Did you mean models\?/);
    seen.stderr = '';
    expect(await run(['models', '--epoch', '3'], [good])).toBe(2);
    expect(seen.stderr).toMatch(/^USAGE: graft models — unknown option '--epoch' — Did you mean --epochs\?/);
    expect(seen.stderr).toContain('see graft models --help');
  });

  it('shows the help of a bare graft', async () => {
    expect(await run([], [good])).toBe(0);
    expect(seen.stdout).toContain('Usage: graft');
  });

  it('keeps an exit code that a command set', async () => {
    const gated = entry('run', () => {
      process.exitCode = 4;
    });
    expect(await run(['run'], [gated])).toBe(4);
  });
});
