/** Whether the trainer's memory stays flat: resident size and tensors over thousands of steps, in its real child process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment } from '../infra/config.ts';
import { createMlRunner } from '../infra/ml/ml-runner.ts';
import { benchJob } from './lib/training-job.ts';
import type { BenchJob } from './lib/training-job.ts';
import { report, round } from './lib/report.ts';

const WARM_UP_STEPS = 200;
const cases: readonly Omit<BenchJob, 'dir'>[] = [
  { backbone: 'tiny-cnn', strategy: 'full', sidePx: 32, rows: 320, train: { epochs: 250 } },
  { backbone: 'mobilenet-v2', strategy: 'last-n', sidePx: 96, rows: 320, train: { epochs: 220 } },
];

const runner = createMlRunner({ env: childEnvironment({}, { secrets: false }) });
const rows: Record<string, string | number>[] = [];
for (const each of cases) {
  const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
  const session = runner.start(await benchJob({ ...each, dir }), { threads: runner.defaultThreads });
  const seen: { step: number; residentMb: number; tensors: number }[] = [];
  for await (const event of session.events) {
    if (event.kind === 'failed') throw new Error(`${event.code}: ${event.where}: ${event.seen}`);
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
    'tensors (lowest–highest)': `${Math.min(...warm.map((e) => e.tensors))}–${Math.max(...warm.map((e) => e.tensors))}`,
  });
}
report('Memory of the trainer', rows);
