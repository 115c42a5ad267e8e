import { parseArgs } from 'node:util';

const known = {
  json: { type: 'boolean', says: 'one JSON document on stdout in place of the table' },
  quick: { type: 'boolean', says: 'few steps: shows that it runs, not how fast' },
  case: { type: 'string', says: 'only cases whose name has this in it' },
  peers: { type: 'string', says: 'only these, separated by commas' },
  rounds: { type: 'string', says: 'how often each is measured, in turn' },
  seconds: { type: 'string', says: 'how long each is timed after its warm-up, at least' },
  steps: { type: 'string', says: 'how many training steps' },
  metric: { type: 'string', says: 'what must have improved: accuracy or macroF1' },
  images: { type: 'string', says: 'how many pictures' },
  trials: { type: 'string', says: 'how many trials a sweep makes' },
  pictures: { type: 'string', says: 'a folder of photographs' },
  kills: { type: 'string', says: 'how often the trainer is killed' },
} as const;
type Name = keyof typeof known;

export interface BenchOptions {
  readonly quick: boolean;
  text(name: Name): string | null;
  number(name: Name, otherwise: number): number;
  /** Ends the process with 2 and this word. */
  refuse(why: string): never;
}

/** The options of a benchmark; `--json` and `--quick` are everybody's. Wrong ones end the process with 2 and a word. */
export function benchOptions(...names: readonly Name[]): BenchOptions {
  const mine: readonly Name[] = ['json', 'quick', ...names];
  const usage = mine.map((name) => `  --${name}${known[name].type === 'string' ? ' X' : ''}  ${known[name].says}`);
  const leave = (code: number, why: string): never => {
    process.stderr.write(`${[why, ...usage].join('\n')}\n`);
    process.exit(code);
  };
  const values = ((): Readonly<Record<string, string | boolean | undefined>> => {
    try {
      const options = Object.fromEntries(mine.map((name) => [name, { type: known[name].type }]));
      return parseArgs({ options: { ...options, help: { type: 'boolean' } } }).values;
    } catch (error) {
      return leave(2, error instanceof Error ? error.message : String(error));
    }
  })();
  if (values['help'] === true) leave(0, 'options:');
  const text = (name: Name): string | null => {
    const value = values[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    quick: values['quick'] === true,
    text,
    refuse: (why) => leave(2, why),
    number: (name, otherwise) => {
      const given = text(name);
      const value = given === null ? otherwise : Number(given);
      return Number.isFinite(value) && value > 0 ? value : leave(2, `--${name} ${given}: a number above 0 is expected`);
    },
  };
}

/** Where a benchmark is: for people, on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
