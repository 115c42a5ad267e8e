/**
 * What six trials behind one frozen backbone cost against one: two sweeps over rate and dropout of a new head on real
 * digits, each in an installation of its own on empty storage, from `graft sweep` to its end. The pictures are read,
 * rendered and sent through the backbone once a sweep; a trial more is a process and its epochs on the codes.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SweepReport } from '../contracts/sweep.ts';
import { writeDigitFolders } from './lib/digit-folders.ts';
import { benchOptions, say } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';
import { withStack } from './lib/stack.ts';

const ALLOWED = 1.6;

const options = benchOptions('images', 'trials');
const images = options.number('images', options.quick ? 200 : 1420);
const many = options.number('trials', 6);
/** As examples/digits, but for the number of pictures. */
const BASE = `name: digits
dataset: { source: ./images }
image: { size: [176, 176] }
model: { backbone: efficientnet-lite0, weights: imagenet, strategy: head }
train: { epochs: ${options.quick ? 3 : 40}, batchSize: 32, schedule: { kind: one-cycle } }
`;
const sweepOf = (trials: number): string => `base: base.yaml
space:
  train.optimizer.learningRate: { log: [1.0e-3, 1.0e-2] }
  model.dropout: { uniform: [0, 0.4] }
search: { kind: random, trials: ${trials}, seed: 1 }
promote: false
`;

interface Cost {
  readonly seconds: number;
  readonly trained: readonly number[];
}

async function costOf(trials: number): Promise<Cost> {
  return withStack(async ({ dir, cli }) => {
    await writeDigitFolders(dir, images / 10);
    await writeFile(join(dir, 'base.yaml'), BASE);
    await writeFile(join(dir, 'sweep.yaml'), sweepOf(trials));
    const startedMs = performance.now();
    const { trials: ended } = await cli.json<SweepReport>('sweep', 'sweep.yaml');
    const seconds = (performance.now() - startedMs) / 1000;
    const trained = ended.map((trial) => trial.seconds);
    say(`${trials} trials: ${figure(seconds, 1)} s, trained ${trained.map((each) => figure(each, 1)).join(', ')} s`);
    if (ended.some(({ state }) => state !== 'done')) throw new Error('a trial is not done');
    return { seconds, trained };
  });
}

const one = await costOf(1);
const all = await costOf(many);
const row = (trials: number, { seconds, trained }: Cost): Row => ({
  trials,
  'seconds in all': figure(seconds, 1),
  '× one trial': figure(seconds / one.seconds),
  'first trial s': figure(trained[0] ?? null, 1),
  'each of the others s': trained.length < 2 ? '–' : figure(sum(trained.slice(1)) / (trained.length - 1), 1),
});
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
report(
  `Trials that share a frozen backbone: ${images} digits of 176 px, EfficientNet-Lite0`,
  [row(1, one), row(many, all)],
  [`allowed: ${ALLOWED} × one trial, reading and rendering included`],
);
process.exitCode = all.seconds <= ALLOWED * one.seconds || options.quick ? 0 : 1;
