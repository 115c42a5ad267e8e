/**
 * What checkpointing every 50 steps costs: the share of a training's own time that goes into writing checkpoints. The
 * upload is beside the training, in another process. `npm run bench:checkpoint -- last-n` runs the cases with that word.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTensorFlow } from '../infra/native/load-tensorflow.ts';
import type { MlEvent } from '../contracts/ml-protocol.ts';
import type { JobHost } from '../ml/trainer/job.ts';
import { benchJob } from './lib/training-job.ts';
import type { BenchJob } from './lib/training-job.ts';
import { report, round } from './lib/report.ts';

await loadTensorFlow();
const { runTraining } = await import('../ml/trainer/train.ts');
const { featuresFirst } = await import('../test/lib/features-first.ts');

const cases: readonly Omit<BenchJob, 'dir'>[] = [
  {
    backbone: 'tiny-cnn',
    strategy: 'full',
    sidePx: 32,
    rows: 320,
    train: { epochs: 100, checkpoint: { everySeconds: null, keepBest: false } },
  },
  {
    backbone: 'mobilenet-v2',
    strategy: 'last-n',
    sidePx: 96,
    rows: 320,
    train: { epochs: 30, checkpoint: { everySeconds: null, keepBest: false } },
  },
  {
    backbone: 'mobilenet-v2',
    strategy: 'full',
    sidePx: 96,
    rows: 320,
    train: { epochs: 15, checkpoint: { everySeconds: null, keepBest: false } },
  },
];

const rows: Record<string, string | number>[] = [];
const word = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? '';
for (const each of cases.filter(({ backbone, strategy }) => `${backbone} ${strategy}`.includes(word))) {
  const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
  const spent = { input: 0, step: 0, checkpoint: 0, validation: 0 };
  let checkpoints = 0;
  let bytes = 0;
  let steps = 0;
  const host: JobHost = {
    emit: (event: MlEvent) => {
      if (event.kind === 'checkpoint') {
        checkpoints++;
        bytes = event.staged.sizeBytes;
      }
      if (event.kind === 'trained') steps = event.result.steps;
    },
    stopRequested: () => false,
    nowMs: () => Date.now(),
    residentBytes: () => process.memoryUsage.rss(),
    onSpent: (part, ms) => {
      spent[part] += ms;
    },
  };
  const ready = await featuresFirst(await benchJob({ ...each, dir }), join(dir, 'features'), host);
  if (ready) await runTraining(ready, host);
  await rm(dir, { recursive: true });
  const total = spent.input + spent.step + spent.checkpoint + spent.validation;
  rows.push({
    training: `${each.backbone} ${each.strategy} ${each.sidePx} px`,
    steps,
    'ms a step': round(spent.step / steps),
    checkpoints,
    'KiB each': round(bytes / 1024, 0),
    'ms each': round(spent.checkpoint / checkpoints),
    'checkpoints %': round((100 * spent.checkpoint) / total),
    'waiting for input %': round((100 * spent.input) / total),
  });
}
report('Checkpoint every 50 steps: share of the training’s time', rows);
