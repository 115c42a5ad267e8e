import { existsSync, rmSync } from 'node:fs';
import { settings as currentSettings } from '../config.ts';
import type { Settings } from '../config.ts';
import { withLock } from '../native/lock.ts';
import { isRunning } from './process-identity.ts';
import { readPids, statePaths } from './state-files.ts';
import { stopOrphans, stopSupervisor } from './stop.ts';

/**
 * Stops what `graft up` started in this state folder, and waits until it is gone; the data stay.
 * Resolves to the names of what ran.
 */
export async function down(known: Settings = currentSettings()): Promise<readonly string[]> {
  const paths = statePaths(known.stateDir);
  if (!existsSync(paths.root)) return [];
  return withLock(paths.lock, async () => {
    const running = [...readPids(paths)].filter(([, identity]) => isRunning(identity)).map(([name]) => name);
    await stopSupervisor(paths);
    await stopOrphans(paths);
    rmSync(paths.plan, { force: true });
    return running.filter((name) => name !== 'supervisor').sort();
  });
}
