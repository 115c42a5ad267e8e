import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connections, settings } from '../../infra/config.ts';
import type { Connections } from '../../infra/config.ts';
import { graftCli } from '../../test/lib/graft-cli.ts';
import type { GraftCli } from '../../test/lib/graft-cli.ts';

/** An installation of its own: embedded Temporal, object store and worker on free ports, its state in a new folder. */
export interface Stack {
  /** Where commands run and files may go; removed at the end. */
  readonly dir: string;
  readonly cli: GraftCli;
  readonly connections: Connections;
}

/** Servers that the caller's environment names must not be measured, and not be written to. */
const OWN_SERVERS = { TEMPORAL_ADDRESS: '', S3_ENDPOINT: '', GRAFT_TEMPORAL_PORT: '', GRAFT_S3_PORT: '' };

/** Starts a stack for `work` and ends it after, however `work` ends. */
export async function withStack<T>(work: (stack: Stack) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'graft-bench-'));
  const stateDir = join(dir, 'state');
  const cli = graftCli(stateDir, dir, OWN_SERVERS);
  const end = async (): Promise<void> => {
    await cli.run('down');
    cli.kill('trainer', 'worker', 'supervisor', 'temporal', 's3', 'images', 'other');
    await rm(dir, { recursive: true, force: true });
  };
  const onSignal = (): void => {
    void end().finally(() => process.exit(130));
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await cli.json('up');
    const { temporal, s3 } = connections(settings({ ...process.env, ...OWN_SERVERS, GRAFT_STATE_DIR: stateDir }));
    if (temporal === null || s3 === null) throw new Error('graft up did not say where its servers are');
    return await work({ dir, cli, connections: { temporal, s3 } });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await end();
  }
}
