import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runFiles } from '../../core/training/run-files.ts';

const POLL_MS = 2;

/** The step that the trainer whose work folder is at or right below `dir` says it has finished; null where it says none. */
export function reachedStep(dir: string): number | null {
  const inside = existsSync(dir) ? readdirSync(dir, { withFileTypes: true }) : [];
  const folders = [dir, ...inside.filter((each) => each.isDirectory()).map(({ name }) => join(dir, name))];
  for (const folder of folders) {
    try {
      // Emptied when a trainer starts, then written over in place.
      const step = Number.parseInt(readFileSync(join(folder, runFiles.reachedStep), 'latin1'), 10);
      if (Number.isInteger(step)) return step;
    } catch {
      // Not there, or not yet.
    }
  }
  return null;
}

/** Polls until the trainer has come to `step`. */
export async function waitForStep(dir: string, step: number, limitSeconds: number): Promise<void> {
  await waitFor(() => (reachedStep(dir) ?? 0) >= step, limitSeconds, `step ${step}`);
}

export async function waitFor(condition: () => boolean, limitSeconds: number, what: string): Promise<void> {
  const endMs = performance.now() + limitSeconds * 1000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${limitSeconds} s for ${what}`);
    await sleep(POLL_MS);
  }
}

export interface Recovery {
  /** From the kill to the first step that the next trainer finished, done again or new. */
  readonly firstStepMs: number;
  /** From the kill to the first step that was never done before. */
  readonly newStepMs: number;
  readonly redoneSteps: number;
}

/** Watches a trainer that was just killed after `killedAt` come back: `resumedFrom` is known to whoever resumed it. */
export async function watchRecovery(
  dir: string,
  killed: { readonly atMs: number; readonly step: number },
  resumedFrom: () => Promise<number>,
  limitSeconds: number,
): Promise<Recovery> {
  const seen: { step: number; ms: number }[] = [];
  const look = (): boolean => {
    const step = reachedStep(dir);
    if (step === null || (seen.length === 0 && step === killed.step)) return false;
    if (step !== seen.at(-1)?.step) seen.push({ step, ms: performance.now() - killed.atMs });
    return step > killed.step;
  };
  await waitFor(look, limitSeconds, `a step after ${killed.step}`);
  const from = await resumedFrom();
  const first = seen.find(({ step }) => step > from);
  const last = seen.at(-1);
  if (!first || !last) throw new Error(`no step after ${from}`);
  return { firstStepMs: first.ms, newStepMs: last.ms, redoneSteps: killed.step - from };
}
