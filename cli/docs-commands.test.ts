import { readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';

/** The commands that the documentation shows are commands that there are, with options that they take. */
const folder = new URL('../docs/', import.meta.url);
const pages = [
  ['README.md', new URL('../README.md', import.meta.url)] as const,
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => [`docs/${name}`, new URL(name, folder)] as const),
];

/** Every verb of main.ts, which runs when it is imported: so its text says what to load. */
async function allCommands(): Promise<Command[]> {
  const text = readFileSync(new URL('main.ts', import.meta.url), 'utf8');
  const found = [...text.matchAll(/import\('(\.\/[^']+)'\)\)\.(\w+)\(\)/g)];
  return Promise.all(
    found.map(async ([, path = '', name = '']) => {
      const loaded = (await import(new URL(path, import.meta.url).href)) as Record<string, unknown>;
      const make = loaded[name];
      const command: unknown = typeof make === 'function' ? make() : null;
      if (!(command instanceof Command)) throw new Error(`${path} has no ${name}`);
      return command;
    }),
  );
}
const commands = await allCommands();

/** Lines of shell blocks that call graft, continued ones joined, without what follows a `#`, `|`, `>`, `;` or `&&`. */
function commandsOf(text: string): string[][] {
  const blocks = [...text.matchAll(/```(?:sh|bash|console)\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'))
    .flatMap((line) => line.split(/\s(?:&&|\|\||;|\|)\s/))
    .map((line) => words(line))
    .map((line) => line.slice(line.findIndex((word) => word === 'graft')))
    .filter(([first]) => first === 'graft');
}

/** Splits at blanks outside of quotes; a comment or a redirection ends it. */
function words(line: string): string[] {
  const found = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, one, two, bare]) => one ?? two ?? bare ?? '');
  const end = found.findIndex((word) => /^(#|\d?>|&$)/.test(word));
  return end === -1 ? found : found.slice(0, end);
}

/** What is wrong with a command line, or null. */
function fault([, ...rest]: readonly string[]): string | null {
  const [verb = '', ...others] = rest;
  if (verb.startsWith('-') || verb.startsWith('<') || verb === '') return null;
  let command: Command | undefined = commands.find((each) => each.name() === verb);
  if (!command) return `no command ${verb}`;
  let left = others;
  for (;;) {
    const inner: Command | undefined = command.commands.find((each) => each.name() === left[0]);
    if (!inner) break;
    command = inner;
    left = left.slice(1);
  }
  for (const word of left) {
    if (!/^--?[a-z]/.test(word)) continue;
    const name = word.split('=')[0] ?? word;
    const known = command.options.some(({ long, short }) => long === name || short === name);
    if (!known && name !== '--help') return `${command.name()} has no option ${name}`;
  }
  return null;
}

describe.each(pages)('%s', (_, url) => {
  it('shows commands that there are', () => {
    const wrong = commandsOf(readFileSync(url, 'utf8')).flatMap((line) => {
      const found = fault(line);
      return found === null ? [] : [`${line.join(' ')}: ${found}`];
    });
    expect(wrong).toEqual([]);
  });
});

it('a command that is not there is found, and so is an option', () => {
  expect(fault(['graft', 'plann', 'x.yaml'])).toBe('no command plann');
  expect(fault(['graft', 'runs', 'show', 'x', '--jsonn'])).toBe('show has no option --jsonn');
  expect(commandsOf('```sh\ngraft plan x.yaml --only  # why\n```')).toEqual([['graft', 'plan', 'x.yaml', '--only']]);
});
