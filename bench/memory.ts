/**
 * Whether the trainer's memory stays flat: resident size and tensors over thousands of steps, in its real child process.
 * `npm run bench:memory -- --steps 5000` runs every training that long;
 * `--case 'v2 full'` is full fine-tuning, which takes a while.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { behindPrefix, startJob } from './lib/graft-child.ts';
import { benchOptions } from './lib/options.ts';
import { figure, report, round } from './lib/report.ts';
import { benchJob } from './lib/training-job.ts';
import type { BenchJob } from './lib/training-job.ts';

const ROWS = 320;
const STEPS_PER_EPOCH = ROWS / 32;
const options = benchOptions('steps', 'case');
const WARM_UP_STEPS = options.quick ? 20 : 200;
const epochs = (steps: number): { epochs: number } => ({
  epochs: Math.ceil(options.number('steps', options.quick ? 100 : steps) / STEPS_PER_EPOCH),
});
const cases: readonly Omit<BenchJob, 'dir'>[] = [
  { backbone: 'tiny-cnn', strategy: 'full', sidePx: 32, rows: ROWS, train: epochs(2500) },
  { backbone: 'mobilenet-v2', strategy: 'last-n', sidePx: 96, rows: ROWS, train: epochs(2200) },
];
/** Minutes of its own: only by its name, with `--case`. */
const long: Omit<BenchJob, 'dir'> = {
  backbone: 'mobilenet-v2',
  strategy: 'full',
  sidePx: 64,
  rows: ROWS,
  train: epochs(1000),
};
const word = options.text('case');
const chosen =
  word === null
    ? cases
    : [...cases, long].filter(({ backbone, strategy, sidePx }) => `${backbone} ${strategy} ${sidePx}`.includes(word));

const rows: Record<string, string | number>[] = [];
for (const each of chosen) {
  const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
  const { job } = await behindPrefix(await benchJob({ ...each, dir }), join(dir, 'features'));
  const child = startJob(job);
  const seen: { step: number; residentMb: number; tensors: number }[] = [];
  for await (const { event } of child.events) {
    if (event.kind === 'step') seen.push(event);
  }
  await rm(dir, { recursive: true });
  const warm = seen.filter(({ step }) => step >= WARM_UP_STEPS);
  const sizes = warm.map(({ residentMb }) => residentMb);
  rows.push({
    training: `${each.backbone} ${each.strategy} ${each.sidePx} px`,
    steps: seen.at(-1)?.step ?? 0,
    [`MiB at step ${WARM_UP_STEPS}`]: round(sizes[0] ?? 0, 1),
    'MiB at the end': round(sizes.at(-1) ?? 0, 1),
    'highest growth MiB': round(Math.max(...sizes) - (sizes[0] ?? 0), 1),
    'peak MiB': figure(child.peakMb(), 1),
    'tensors (lowest–highest)': `${Math.min(...warm.map((e) => e.tensors))}–${Math.max(...warm.map((e) => e.tensors))}`,
  });
}
report('Memory of the trainer', rows);
