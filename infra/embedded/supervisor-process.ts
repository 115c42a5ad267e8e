/** The detached process behind `graft up`: `supervisor-process.ts STATE_DIR`. SIGHUP reads the plan again, SIGTERM stops all. */
import process from 'node:process';
import { identify, isRunning } from './process-identity.ts';
import { readPid, removePid, statePaths, writePid } from './state-files.ts';
import { createSupervisor } from './supervisor.ts';

const paths = statePaths(process.argv[2] ?? '.graft');
const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);
const supervisor = createSupervisor(paths, { firstMs: 500, capMs: 30_000, resetAfterMs: 60_000 }, log);
const self = identify(process.pid);
if (self === null) throw new Error('this process does not find itself');

let stopping = false;
async function stop(why: string, exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  log(`stopping: ${why}`);
  await supervisor.stop();
  if (readPid(paths, 'supervisor')?.pid === process.pid) removePid(paths, 'supervisor');
  log('stopped');
  process.exit(exitCode);
}

function reconcile(): void {
  if (!stopping) supervisor.reconcile().catch((error: unknown) => stop(String(error), 1));
}

process.on('SIGTERM', () => void stop('SIGTERM', 0));
process.on('SIGINT', () => void stop('SIGINT', 0));
process.on('SIGHUP', reconcile);
process.on('uncaughtException', (error) => void stop(`${error.stack ?? error.message}`, 1));

writePid(paths, 'supervisor', self);
// Who removes the state folder, or starts another supervisor on it, means this one to go.
setInterval(() => {
  const written = readPid(paths, 'supervisor');
  if (written === null || (written.pid !== process.pid && isRunning(written))) void stop('no longer in charge', 0);
}, 2_000);
log(`supervising ${paths.root} as ${String(process.pid)}`);
reconcile();
