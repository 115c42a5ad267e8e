import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DataPorts } from '../ports.ts';

/** Longer than any pause between two files of a living attempt. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** A folder for one attempt at a stage, gone when `work` ends; what killed attempts left a day ago goes with it. */
export async function withScratch<T>(
  { files, clock }: Pick<DataPorts, 'files' | 'clock'>,
  stage: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const name = randomUUID();
  const folder = await files.scratch(stage, name);
  try {
    await sweep(await files.scratch(stage), clock.nowMs());
    return await work(folder);
  } finally {
    await files.removeScratch(stage, basename(folder));
  }
}

/** Removes what nobody has written to for a day below a scratch folder. */
export async function sweepScratch({ files, clock }: Pick<DataPorts, 'files' | 'clock'>, name: string): Promise<void> {
  await sweep(await files.scratch(name), clock.nowMs());
}

async function sweep(parent: string, nowMs: number): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const found = await stat(path).catch(() => null);
    if (found && nowMs - found.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}
