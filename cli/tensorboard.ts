import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { execa } from 'execa';
import { failedError, inputError } from '../core/errors.ts';
import type { RunId } from '../core/ids.ts';
import { dimensionsOf, experimentSummary } from '../core/summaries/experiment.ts';
import { hparamsOf } from '../core/summaries/hparams.ts';
import { childEnvironment, settings } from '../infra/config.ts';
import { findOnPath } from '../infra/native/tools.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';
import { eventEncoder } from '../infra/tensorboard/encode.ts';
import { bringUpToDate, createEventCopy } from './lib/event-copy.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { listenForInterrupt } from './lib/interrupt.ts';
import { withServices } from './lib/services.ts';
import { readRunRecord } from '../infra/clients/stored-run.ts';
import { plural } from './lib/units.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';

const HELP = `
Each RUN is a run id, the unambiguous beginning of one, or latest, which is meant where none is given. Runs that are under
way go on being copied while TensorBoard is open. Ctrl-C closes it; what was copied stays below .graft/tensorboard.

Examples:
  graft tensorboard
  graft tensorboard digits-20261124 digits-20261125
  graft tensorboard latest --copy-only --json`;

interface Options {
  readonly port: number;
  readonly copyOnly?: boolean;
}

/** New events are looked for this often. */
const REFRESH_MS = 5_000;

/** `graft tensorboard RUN…`: the runs' events on this disk, and TensorBoard on them. */
export function tensorboardCommand(): Command {
  const command = withCommonOptions(
    new Command('tensorboard')
      .description('Open TensorBoard on runs: curves, histograms, pictures, PR curves, hyperparameters.')
      .argument('[runs...]', 'run ids, beginnings of them, or latest')
      .option('-p, --port <number>', 'where TensorBoard listens, on loopback', port, 6006)
      .option('--copy-only', 'copy the events to this disk and open nothing')
      .addHelpText('after', HELP),
  );
  return command.action((runs: string[], options: Options) => tensorboard(runs, options, outputOf(command)));
}

async function tensorboard(texts: readonly string[], options: Options, output: Output): Promise<void> {
  const known = settings();
  const program = options.copyOnly === true ? null : await findOnPath('tensorboard', known);
  if (options.copyOnly !== true && program === null) throw missing();
  await withServices(async ({ runs, store }) => {
    const runIds = new Set<RunId>();
    for (const text of texts.length === 0 ? ['latest'] : texts) runIds.add((await findRun(text, runs, store)).runId);
    const ids = [...runIds];
    const folder = join(known.stateDir, 'tensorboard', ids.length === 1 ? (ids[0] ?? '') : folderName(ids));
    await mkdir(folder, { recursive: true });
    await writeExperiment(store, ids, folder);
    const copy = createEventCopy(store, ids, folder);
    await copy.refresh();
    output.say(`${plural(copy.files, 'event file')} of ${plural(ids.length, 'run')} in ${folder}`);
    if (program === null) {
      output.result({ runs: ids, folder, files: copy.files });
      return;
    }
    const url = `http://127.0.0.1:${options.port}/`;
    output.result({ runs: ids, folder, files: copy.files, url });
    await follow(program, folder, options.port, () => copy.refresh(), output);
  });
}

const folderName = (ids: readonly RunId[]): string => `${ids[0] ?? ''}-and-${ids.length - 1}-more`;

/** The head of the HParams table of just these runs. */
async function writeExperiment(store: ObjectStore, ids: readonly RunId[], folder: string): Promise<void> {
  const records = (await Promise.all(ids.map((runId) => readRunRecord(store, runId)))).filter(
    (record) => record !== null,
  );
  if (records.length === 0) return;
  const createdMs = Math.min(...records.map(({ createdAt }) => Date.parse(createdAt)));
  const dimensions = dimensionsOf(records.map(({ config }) => hparamsOf(config)));
  const summary = experimentSummary(ids.join(', '), createdMs, dimensions);
  const bytes = await eventEncoder.encode([{ step: 0, timeMs: createdMs, summaries: [summary] }], createdMs);
  await bringUpToDate(join(folder, 'events.out.tfevents.0000000000.graft'), bytes);
}

/** TensorBoard until it ends or somebody presses Ctrl-C, and the copy kept up with what is stored. */
async function follow(
  program: string,
  folder: string,
  port: number,
  refresh: () => Promise<number>,
  output: Output,
): Promise<void> {
  const interrupt = listenForInterrupt();
  const stop = new AbortController();
  const args = ['--logdir', folder, '--host', '127.0.0.1', '--port', String(port), '--reload_interval', '5'];
  const env = childEnvironment({}, { secrets: false });
  const child = execa(program, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    cancelSignal: stop.signal,
  });
  // Its own words, the address among them, are for people.
  child.stderr.pipe(process.stderr, { end: false });
  child.stdout.pipe(process.stderr, { end: false });
  try {
    for (;;) {
      const end = await Promise.race([child, interrupt.asked, sleep(REFRESH_MS)]);
      if (end === 'interrupted') return;
      if (end !== undefined) throw ended(end.exitCode ?? null, port);
      await refresh();
    }
  } finally {
    interrupt.dispose();
    stop.abort();
    await child;
    output.say(`TensorBoard is closed; the events stay in ${folder}`);
  }
}

function missing() {
  const remedy = 'pip install tensorboard, or take --copy-only and point any TensorBoard at the folder';
  return inputError('TENSORBOARD_MISSING', 'tensorboard', 'not on PATH', 'the program of the Python package', remedy);
}

function ended(exitCode: number | null, port: number) {
  const remedy = `see its words above; if the port is taken: --port ${port + 1}`;
  return failedError('TENSORBOARD_ENDED', 'tensorboard', `it ended with ${exitCode ?? 'a signal'}`, 'a page', remedy);
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_534) return value;
  throw new InvalidArgumentError('expected a port, 1 to 65534.');
}
