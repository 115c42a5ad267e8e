import process from 'node:process';
import { inspect } from 'node:util';
import cliProgress from 'cli-progress';
import Table from 'cli-table3';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import pc from 'picocolors';
import type { Json } from '../core/canonical-json.ts';
import { GraftError, messageOf } from '../core/errors.ts';

/** What scripts rely on (architecture §4): only ever added to. */
export const exitCode = { done: 0, input: 2, failed: 3, notPromoted: 4, cancelled: 130 } as const;

/** A bar on a terminal; elsewhere a plain line at each tenth of the way. */
export interface ProgressBar {
  /** `total` may be unknown (null) and may change; `note` is shown beside the bar. */
  update(done: number, total: number | null, note?: string): void;
  /** Takes the bar away and leaves `text`, if any, as a line. */
  stop(text?: string): void;
}

/** Where a command writes: people read stderr, scripts read one JSON document on stdout. */
export interface Output {
  readonly json: boolean;
  /** A line for people; silent with --json. */
  say(text: string): void;
  /** A line that matters with --json too. */
  warn(text: string): void;
  /** Silent with --json. */
  table(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): void;
  progress(title: string, unit?: 'count' | 'bytes'): ProgressBar;
  /** The command's one document on stdout; does nothing without --json. A second call is a bug and throws. */
  result(document: Json): void;
}

/** `--json` and `--debug`, which every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print exactly one JSON document on stdout')
    .option('--debug', 'show the stack of an error, with its causes');
}

export function outputOf(command: Command): Output {
  return createOutput({ json: command.optsWithGlobals<{ json?: boolean }>().json === true });
}

interface Streams {
  readonly json: boolean;
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream & { isTTY?: boolean };
}

export function createOutput({ json, stdout = process.stdout, stderr = process.stderr }: Streams): Output {
  let answered = false;
  return {
    json,
    say: (text) => {
      if (!json) stderr.write(`${text}\n`);
    },
    warn: (text) => {
      stderr.write(`${text}\n`);
    },
    table: (head, rows) => {
      if (!json) stderr.write(`${formatTable(head, rows)}\n`);
    },
    progress: (title, unit = 'count') =>
      stderr.isTTY === true ? drawnBar(title, unit, stderr) : plainBar(title, unit, stderr),
    result: (document) => {
      if (!json) return;
      if (answered) throw new Error('a command printed two JSON documents');
      answered = true;
      stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    },
  };
}

export function formatTable(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const table = new Table({ head: head.map((title) => pc.bold(title)), style: { head: [], border: [] } });
  table.push(...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell)))));
  return table.toString();
}

export function formatAmount(amount: number, unit: 'count' | 'bytes'): string {
  if (unit === 'count') return String(amount);
  if (amount < 1024 * 1024) return `${(amount / 1024).toFixed(0)} KiB`;
  return amount < 1024 ** 3 ? `${(amount / 1024 ** 2).toFixed(1)} MiB` : `${(amount / 1024 ** 3).toFixed(2)} GiB`;
}

const BAR_FORMAT = '{title} {bar} {percentage}% {amounts} {note}';

function drawnBar(title: string, unit: 'count' | 'bytes', stderr: NodeJS.WritableStream): ProgressBar {
  const bar = new cliProgress.SingleBar(
    { format: BAR_FORMAT, stream: stderr, hideCursor: true, clearOnComplete: true, barsize: 24, fps: 10 },
    cliProgress.Presets.shades_classic,
  );
  bar.start(1, 0, { title, amounts: '', note: '' });
  return {
    update: (done, total, note = '') => {
      const amounts = formatAmount(done, unit) + (total === null ? '' : ` of ${formatAmount(total, unit)}`);
      bar.setTotal(Math.max(total ?? 1, 1));
      bar.update(total === null ? 0 : Math.min(done, total), { title, amounts, note });
    },
    stop: (text) => {
      bar.stop();
      if (text !== undefined) stderr.write(`${text}\n`);
    },
  };
}

function plainBar(title: string, unit: 'count' | 'bytes', stderr: NodeJS.WritableStream): ProgressBar {
  let shown = '';
  return {
    update: (done, total, note = '') => {
      const tenth = total === null || total === 0 ? null : Math.floor((done / total) * 10);
      const key = `${tenth ?? ''} ${note}`;
      if (key === shown) return;
      shown = key;
      const amounts = total === null ? '' : ` ${formatAmount(done, unit)} of ${formatAmount(total, unit)}`;
      stderr.write(`${title}${amounts}${note === '' ? '' : ` ${note}`}\n`);
    },
    stop: (text) => {
      if (text !== undefined) stderr.write(`${text}\n`);
    },
  };
}

/** The exit code an error deserves: a wrong input 2, a failure 3, a cancellation 130. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.input;
  if (!(error instanceof GraftError)) return exitCode.failed;
  if (error.kind === 'input') return exitCode.input;
  return error.kind === 'cancelled' ? exitCode.cancelled : exitCode.failed;
}

/** What a person sees of an error: one line; with `debug` the stack and every cause below it. */
export function describeError(error: unknown, debug: boolean): string {
  const line =
    error instanceof GraftError
      ? error.message
      : `INTERNAL: ${messageOf(error)} — this is a fault of graft — run again with --debug and report what it says`;
  const head = pc.red(line);
  return debug ? `${head}\n${inspect(error, { depth: 6 })}` : head;
}
