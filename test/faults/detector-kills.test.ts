/**
 * Exact resume of detectors under SIGKILL: the trainer's process is killed at random steps, five times, and started again from
 * what it left on the disk; an undisturbed process of the same training must end with the same weights. Without Temporal and
 * an object store, which test/faults/resume.test.ts has. Prints the figures.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MlEvent, TrainJob, TrainResult } from '../../contracts/ml-protocol.ts';
import { GraftError } from '../../core/errors.ts';
import { stream } from '../../core/rng.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import { detectorJob, smallFasterRcnn } from '../lib/detector-job.ts';
import { resumed } from '../lib/trainer-bench.ts';

const KILLS = Number(process.env['GRAFT_FAULT_KILLS'] ?? 5);
const SEED = Number(process.env['GRAFT_FAULT_SEED'] ?? 1);
const EVERY_STEPS = 7;
/** Steps between two kills, at most: five of them must fit into the training. */
const APART = 24;

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-detector-kills-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function jobOf(kind: 'ssd' | 'faster-rcnn', name: string): TrainJob {
  const checkpoint = { everySteps: EVERY_STEPS, everySeconds: null };
  const train = { epochs: 40, schedule: { kind: 'one-cycle' }, clipNorm: 10, averageDecay: 0.9, checkpoint };
  const made = detectorJob(join(dir, kind, name), { train });
  // SSD's random part of the picture draws for a long time where no part fits; one of the two has it.
  return kind === 'ssd'
    ? made
    : {
        ...made,
        model: { ...made.model, detector: smallFasterRcnn },
        augment: { ...made.augment, boxCrop: undefined },
      };
}

/** What the trainer notes after every step. */
function reachedStep({ workDir }: TrainJob): number {
  const path = join(workDir, runFiles.reachedStep);
  return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) || 0 : 0;
}

/** One process of the training; `killAt` is the step after which it is killed. */
async function attempt(job: TrainJob, killAt: number | null): Promise<TrainResult | null> {
  const runner = createMlRunner({ env: childEnvironment({}, { secrets: false }) });
  const session = runner.start(await resumed(job), { threads: 2 });
  let over = false;
  const killing = (async () => {
    while (!over && killAt !== null && reachedStep(job) < killAt) await sleep(1);
    if (!over && killAt !== null) await session.kill();
  })();
  const events: MlEvent[] = [];
  try {
    for await (const event of session.events) events.push(event);
  } catch (error) {
    // Killed, as asked; anything else is a failure.
    if (killAt === null || !(error instanceof GraftError) || error.code !== 'ML_CRASHED') throw error;
  } finally {
    over = true;
    await killing;
  }
  const failed = events.find(({ kind }) => kind === 'failed');
  if (failed) throw new Error(JSON.stringify(failed));
  return events.find((event) => event.kind === 'trained')?.result ?? null;
}

/** Two minutes of processes that start: with GRAFT_FAULT_DETECTOR=1. ml/trainer/train-*.native.test.ts have it in one process. */
const wanted = process.env['GRAFT_FAULT_DETECTOR'] === '1';

test.runIf(wanted).each(['ssd', 'faster-rcnn'] as const)(
  '%s ends with the same weights',
  { timeout: 600_000 },
  async (kind) => {
    const reference = await attempt(jobOf(kind, 'undisturbed'), null);
    expect(reference?.steps).toBe(200);

    const job = jobOf(kind, 'killed');
    const random = stream(SEED, `kills/${kind}`);
    const kills: number[] = [];
    const redone: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const killAt = reachedStep(job) + 3 + Math.floor(random.uniform(0, kill) * APART);
      expect(await attempt(job, killAt)).toBeNull();
      kills.push(reachedStep(job));
      redone.push(reachedStep(job) - ((await resumed(job)).resume?.counters.step ?? 0));
    }
    const result = await attempt(job, null);
    process.stdout.write(
      `\n${kind}: SIGKILL after steps ${kills.join(', ')} of 200, steps done again ${redone.join(', ')}, ` +
        `weights ${result?.weightsSha256.slice(0, 16)} against ${reference?.weightsSha256.slice(0, 16)}\n`,
    );
    expect(kills.length).toBe(KILLS);
    expect(result?.weightsSha256).toBe(reference?.weightsSha256);
    expect(Math.max(...redone)).toBeLessThanOrEqual(EVERY_STEPS);
  },
);
