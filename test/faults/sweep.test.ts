/**
 * A sweep under SIGKILL, on real parts: one installation runs it undisturbed, in another its worker, Temporal, the trainer
 * and all of `graft up` are killed while trials train, while the searcher promotes one, and while the registry takes the
 * best. Both must decide the same, part by part, and end with the same best trial and weights; a trial that fails costs
 * nothing else. GRAFT_FAULT_TRIALS=30 GRAFT_FAULT_SWEEP_KILLS=6 is the whole of it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SweepReport } from '../../contracts/sweep.ts';
import { stream } from '../../core/rng.ts';
import { graftCli } from '../lib/graft-cli.ts';
import type { ProcessRole } from '../lib/graft-cli.ts';
import { temporaryDir } from '../servers.ts';

const TRIALS = Number(process.env['GRAFT_FAULT_TRIALS'] ?? 6);
const KILLS = Number(process.env['GRAFT_FAULT_SWEEP_KILLS'] ?? 2);
const SEED = Number(process.env['GRAFT_FAULT_SEED'] ?? 1);
const dir = temporaryDir('sweep-faults');
const undisturbed = graftCli(join(dir, 'undisturbed'), dir);
const killed = graftCli(join(dir, 'killed'), dir);

const BASE = `name: shapes
dataset: { source: ./images }
image: { size: [32, 32] }
model: { backbone: tiny-cnn, weights: random, strategy: scratch, dropout: 0.1 }
train: { epochs: 9, batchSize: 8, schedule: { kind: one-cycle }, checkpoint: { everySteps: 5, everySeconds: null } }
promote: { gate: { minimum: { accuracy: 0.2 } } }
`;
/** The second trial can't be: its network has no 40 blocks. */
const SWEEP = `base: base.yaml
space:
  train.optimizer.learningRate: { log: [1.0e-4, 1.0e-1] }
  model.strategy: { choice: [scratch, last-n] }
  model.lastN: { choice: [1, 40], when: { model.strategy: last-n } }
first:
  - { train.optimizer.learningRate: 0.01, model.strategy: scratch }
  - { train.optimizer.learningRate: 0.02, model.strategy: last-n, model.lastN: 40 }
search: { kind: asha, trials: ${TRIALS}, sampler: tpe, startup: 4, grace: 1, eta: 3, seed: 1 }
concurrency: 2
failuresAtMost: 0.9
`;

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  const draw = fileURLToPath(new URL('../../examples/tiny/make-images.ts', import.meta.url));
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, '40', join(dir, 'images')]);
  await writeFile(join(dir, 'base.yaml'), BASE);
  await writeFile(join(dir, 'sweep.yaml'), SWEEP);
});

afterAll(async () => {
  for (const cli of [undisturbed, killed]) await cli.run('down');
});

test('tiny-cnn: a sweep decides the same and promotes the same weights, however often it is killed', async () => {
  await undisturbed.json('up');
  const reference = await undisturbed.json<SweepReport>('sweep', 'sweep.yaml');
  await undisturbed.run('down');
  expect(reference).toMatchObject({ status: 'completed', promotion: { model: { promoted: true } } });
  expect(reference.trials.filter(({ state }) => state === 'failed').length).toBeGreaterThan(0);

  await killed.json('up');
  const { sweepId } = await killed.json<{ sweepId: string }>('sweep', 'sweep.yaml', '--detach');
  const kills = await killNowAndThen(sweepId, reference.legs);
  const report = await finished(sweepId);

  process.stdout.write(
    `\n${report.trials.length} trials, ${report.legs} parts, ${kills.length} kills (${kills.join(', ')}); ` +
      `best trial ${report.best?.trial} against ${reference.best?.trial}, ` +
      `weights ${report.promotion?.weightsSha256?.slice(0, 16)} against ${reference.promotion?.weightsSha256?.slice(0, 16)}\n`,
  );
  expect(kills.length).toBe(KILLS);
  expect(report.decisions).toEqual(reference.decisions);
  expect(report.trials.map(comparable)).toEqual(reference.trials.map(comparable));
  expect({ ...report.best, runId: '' }).toEqual({ ...reference.best, runId: '' });
  expect(report.promotion?.weightsSha256).toBe(reference.promotion?.weightsSha256);
  expect(report.promotion?.model).toEqual(reference.promotion?.model);
  // Promoted once, whatever it was killed in.
  expect(await killed.json('models', 'history', 'shapes')).toMatchObject({ entries: [{ seq: 1, to: 1 }] });
});

const comparable = ({ trial, values, state, metrics, epochs, steps }: SweepReport['trials'][number]) => ({
  ...{ trial, values, state, metrics, epochs, steps },
});

const everything: readonly ProcessRole[] = ['trainer', 'images', 'worker', 'supervisor', 'temporal', 's3', 'other'];
const targets: readonly (readonly ProcessRole[])[] = [['worker'], ['temporal'], everything, ['trainer']];

/** All kills but the last are spread over the parts; the last is while the registry takes the best. */
async function killNowAndThen(sweepId: string, legs: number): Promise<string[]> {
  const random = stream(SEED, 'sweep-kills');
  const done: string[] = [];
  for (let i = 0; i < KILLS - 1; i++) {
    const roles = targets[i % targets.length] ?? ['worker'];
    await until(() => objects('stages/train').length >= Math.floor(((i + 1) * (legs - 2)) / KILLS));
    await sleep(4000 * random.uniform(0, i));
    const going = i % 2 === 1 ? await underPromotion(sweepId) : '';
    if (killed.kill(...roles) === 0) throw new Error(`nothing to kill: ${roles.join()}`);
    done.push(`${roles.length > 2 ? 'all' : roles.join()} at part ${objects('stages/train').length}${going}`);
    if (roles.includes('supervisor')) await killed.json('up');
  }
  await until(() => objects('models/shapes/versions').length > 0, 1);
  const taken = existsSync(join(objectsDir(), 'models/shapes/aliases.json'));
  killed.kill(...everything);
  await killed.json('up');
  return [...done, `all while the registry took the best (${taken ? 'after' : 'before'} the alias moved)`];
}

/** Waits, not for ever, until a trial that had paused trains on; says which. */
async function underPromotion(sweepId: string): Promise<string> {
  for (let tries = 0; tries < 20; tries++) {
    // Right after a kill nothing answers.
    const report = await killed.json<SweepReport>('sweeps', 'show', sweepId).catch(() => null);
    const promoted = report?.trials.find(({ state, epochs }) => state === 'running' && epochs > 0);
    if (promoted) return ` while trial ${promoted.trial} went on from epoch ${promoted.epochs}`;
  }
  return '';
}

const objectsDir = (): string => join(killed.stateDir, 's3', 'versitygw', 'objects', 'graft');

/** Names under a prefix, straight from the object store's disk. */
function objects(prefix: string): string[] {
  const path = join(objectsDir(), prefix);
  return existsSync(path) ? readdirSync(path) : [];
}

async function until(reached: () => boolean, everyMs = 20): Promise<void> {
  for (const startedMs = Date.now(); !reached(); await sleep(everyMs)) {
    if (Date.now() - startedMs > 900_000) throw new Error('the sweep gets no further');
  }
}

async function finished(sweepId: string): Promise<SweepReport> {
  for (;;) {
    const shown = await killed.json<SweepReport>('sweeps', 'show', sweepId);
    if (shown.status === 'completed') return shown;
    if (shown.status !== 'running') throw new Error(`the sweep is ${shown.status}: ${shown.error}`);
    await sleep(1000);
  }
}
