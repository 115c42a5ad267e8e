/**
 * What six trials behind one frozen backbone cost against one: a sweep over rate and dropout of a new head on real digits, on
 * empty storage, from `graft sweep` to its end. The pictures are read, rendered and sent through the backbone once; a trial
 * more is a process and its epochs on the codes. One trial is the same sweep without the time of the others, so that both
 * are measured under the same load.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SweepReport } from '../contracts/sweep.ts';
import { writeDigitFolders } from './lib/digit-folders.ts';
import { benchOptions } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import { withStack } from './lib/stack.ts';

const ALLOWED = 1.6;

const options = benchOptions('images', 'trials');
const images = options.number('images', options.quick ? 200 : 1420);
const trials = options.number('trials', 6);
/** As examples/digits, but for the number of pictures. */
const BASE = `name: digits
dataset: { source: ./images }
image: { size: [176, 176] }
model: { backbone: efficientnet-lite0, weights: imagenet, strategy: head }
train: { epochs: ${options.quick ? 3 : 40}, batchSize: 32, schedule: { kind: one-cycle } }
`;
const sweepOf = (count: number): string => `base: base.yaml
space:
  train.optimizer.learningRate: { log: [1.0e-3, 1.0e-2] }
  model.dropout: { uniform: [0, 0.4] }
search: { kind: random, trials: ${count}, seed: 1 }
promote: false
`;

await withStack(async ({ dir, cli }) => {
  await writeDigitFolders(dir, images / 10);
  await writeFile(join(dir, 'base.yaml'), BASE);
  await writeFile(join(dir, 'sweep.yaml'), sweepOf(trials));
  const startedMs = performance.now();
  const { trials: ended } = await cli.json<SweepReport>('sweep', 'sweep.yaml');
  const seconds = (performance.now() - startedMs) / 1000;
  if (ended.some(({ state }) => state !== 'done')) throw new Error('a trial is not done');
  const [first = Number.NaN, ...others] = ended.map((trial) => trial.seconds);
  const more = others.reduce((sum, each) => sum + each, 0);
  const ratio = seconds / (seconds - more);
  report(
    `Trials that share a frozen backbone: ${images} digits of 176 px, EfficientNet-Lite0`,
    [
      {
        trials,
        'seconds in all': figure(seconds, 1),
        'without the others': figure(seconds - more, 1),
        '× one trial': figure(ratio),
        'first trial s': figure(first, 1),
        'each of the others s': figure(more / others.length, 1),
      },
    ],
    [`allowed: ${ALLOWED} × one trial, reading and rendering included`],
  );
  process.exitCode = ratio <= ALLOWED || options.quick ? 0 : 1;
});
