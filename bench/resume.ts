/**
 * What a killed trainer costs: the time from SIGKILL to the first step that was never done before, and the steps done
 * again. `trainer` is the child process alone, started again at once from its last checkpoint on the disk; `pipeline`
 * is a whole run on an embedded stack, where Temporal notices, waits before it retries, and finds the checkpoint.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { StagedCheckpoint, TrainJob } from '../contracts/ml-protocol.ts';
import type { AttemptRecord } from '../contracts/run.ts';
import { behindPrefix, startJob } from './lib/graft-child.ts';
import { benchOptions, say } from './lib/options.ts';
import { reachedStep, waitForStep, watchRecovery } from './lib/reached-step.ts';
import type { Recovery } from './lib/reached-step.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';
import { withStack } from './lib/stack.ts';
import type { Stack } from './lib/stack.ts';
import { median } from './lib/statistics.ts';
import { benchJob, LAST_N } from './lib/training-job.ts';

const EVERY_STEPS = 50;
const LIMIT_SECONDS = 300;
const options = benchOptions('case', 'kills');
const kills = Math.floor(options.number('kills', options.quick ? 1 : 3));

const cases = [
  { backbone: 'tiny-cnn', strategy: 'full', sidePx: 32, weights: 'random' },
  { backbone: 'mobilenet-v2', strategy: 'last-n', sidePx: 64, weights: 'random' },
] as const;
type Case = (typeof cases)[number];

const training = {
  epochs: 1_000_000,
  batchSize: 32,
  checkpoint: { everySteps: EVERY_STEPS, everySeconds: null, keepBest: false },
} as const;

/** Somewhere between two checkpoints, another place each time. */
const stepsUntilKill = (kill: number): number => EVERY_STEPS + 10 + ((kill * 17) % 40);

async function killTrainer(each: Case): Promise<Recovery[]> {
  const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
  const { job } = await behindPrefix(
    await benchJob({ ...each, dir, rows: 192, train: training }),
    join(dir, 'features'),
  );
  const recoveries: Recovery[] = [];
  let resume: TrainJob['resume'] = null;
  let child = follow(job);
  try {
    for (let kill = 0; kill < kills; kill++) {
      await waitForStep(job.workDir, (resume?.counters.step ?? 0) + stepsUntilKill(kill), LIMIT_SECONDS);
      const atMs = performance.now();
      await child.session.kill();
      const step = reachedStep(job.workDir) ?? 0;
      const last = child.last();
      if (!last) throw new Error('killed before its first checkpoint was told');
      resume = { path: last.path, sha256: last.sha256, counters: last.counters };
      child = follow({ ...job, resume });
      const from = resume.counters.step;
      recoveries.push(await watchRecovery(job.workDir, { atMs, step }, async () => from, LIMIT_SECONDS));
    }
    return recoveries;
  } finally {
    await child.session.kill();
    await rm(dir, { recursive: true, force: true });
  }
}

/** A trainer and the last checkpoint that it told of. */
function follow(job: TrainJob) {
  const { session, events } = startJob(job);
  let last: StagedCheckpoint | null = null;
  const listen = async (): Promise<void> => {
    for await (const { event } of events) if (event.kind === 'checkpoint') last = event.staged;
  };
  // It ends by being killed.
  listen().catch(() => undefined);
  return { session, last: () => last };
}

async function killInPipeline({ dir, cli }: Stack, each: Case): Promise<Recovery[]> {
  const name = each.backbone;
  const strategy = each.strategy === 'full' ? 'scratch' : each.strategy;
  const lines = [
    `name: ${name}`,
    'dataset: { source: ./images }',
    `model: { backbone: ${each.backbone}, weights: ${each.weights}, strategy: ${strategy}, lastN: ${LAST_N} }`,
    `image: { size: [${each.sidePx}, ${each.sidePx}] }`,
    `train: ${JSON.stringify(training)}`,
  ];
  await writeFile(join(dir, `${name}.yaml`), `${lines.join('\n')}\n`);
  const { runId } = await cli.json<{ runId: string }>('run', `${name}.yaml`, '--detach');
  const scratch = join(cli.stateDir, 'files', 'scratch', 'runs', runId);
  const recoveries: Recovery[] = [];
  const lastAttempt = async (): Promise<number> => {
    const { attempts } = await cli.json<{ attempts: AttemptRecord[] }>('runs', 'show', runId);
    return attempts.at(-1)?.resumedFromStep ?? 0;
  };
  for (let kill = 0; kill < kills; kill++) {
    await waitForStep(scratch, (reachedStep(scratch) ?? 0) + stepsUntilKill(kill), LIMIT_SECONDS);
    const atMs = performance.now();
    if (cli.kill('trainer') === 0) throw new Error('no trainer to kill');
    // The process may finish a write that was under way; it is gone long before its successor has loaded TensorFlow.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const step = reachedStep(scratch) ?? 0;
    recoveries.push(await watchRecovery(scratch, { atMs, step }, lastAttempt, LIMIT_SECONDS));
  }
  await cli.run('runs', 'cancel', runId);
  return recoveries;
}

function rowOf(each: Case, what: string, recoveries: readonly Recovery[]): Row {
  const of = (value: (recovery: Recovery) => number): number | null => median(recoveries.map(value));
  const row = {
    training: `${each.backbone} ${each.strategy} ${each.sidePx} px`,
    'killed in': what,
    kills: recoveries.length,
    's to the first step': figure((of(({ firstStepMs }) => firstStepMs) ?? Number.NaN) / 1000),
    's to a new step': figure((of(({ newStepMs }) => newStepMs) ?? Number.NaN) / 1000),
    'longest s': figure(Math.max(...recoveries.map(({ newStepMs }) => newStepMs)) / 1000),
    'steps done again': recoveries.map(({ redoneSteps }) => redoneSteps).join(', '),
  };
  say(`${row.training}, ${what}: ${row['s to a new step']} s to a new step`);
  return row;
}

const chosen = cases.filter(({ backbone }) => backbone.includes(options.text('case') ?? ''));
const rows: Row[] = [];
for (const each of chosen) rows.push(rowOf(each, 'trainer', await killTrainer(each)));
await withStack(async (stack) => {
  const draw = fileURLToPath(new URL('../examples/tiny/make-images.ts', import.meta.url));
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, '80', join(stack.dir, 'images')]);
  for (const each of chosen) rows.push(rowOf(each, 'pipeline', await killInPipeline(stack, each)));
});
report(`A killed trainer, checkpoints every ${EVERY_STEPS} steps`, rows, [
  'the median over the kills; “first step” may be one that is done again, “new step” was never done before',
]);
