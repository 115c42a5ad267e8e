import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that goes when this process does, on Ctrl-C and SIGTERM too. */
export function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'graft-bench-'));
  process.once('exit', () => {
    rmSync(dir, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  return dir;
}
