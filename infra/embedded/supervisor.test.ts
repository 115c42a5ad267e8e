import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRunning } from './process-identity.ts';
import { credentialsPath } from './services-file.ts';
import { makeStateFolders, readPids, readStatus, statePaths, writePlan } from './state-files.ts';
import type { ServicePlan, StatePaths } from './state-files.ts';
import { createSupervisor } from './supervisor.ts';
import type { Supervisor } from './supervisor.ts';

let paths: StatePaths;
let supervisor: Supervisor;
let log: string[];
beforeEach(async () => {
  paths = statePaths(mkdtempSync(join(tmpdir(), 'graft-supervisor-')));
  await makeStateFolders(paths);
  log = [];
  supervisor = createSupervisor(paths, { firstMs: 1, capMs: 4, resetAfterMs: 60_000 }, (line) => log.push(line));
});
afterEach(async () => {
  await supervisor.stop();
  rmSync(paths.root, { recursive: true, force: true });
});

/** A service that runs a line of JavaScript; it notes each start and its SIGTERM in the file `trace`. */
function service(name: ServicePlan['name'], program: string, more: Partial<ServicePlan> = {}): ServicePlan {
  const trace = JSON.stringify(join(paths.root, 'trace'));
  const noted = `const note = (what) => require('node:fs').appendFileSync(${trace}, ${JSON.stringify(name)} + ' ' + what + '\\n');
    process.on('SIGTERM', () => { note('ends'); process.exit(0); }); note('starts'); ${program}`;
  return {
    name,
    command: process.execPath,
    args: ['-e', noted],
    env: {},
    credentials: null,
    inheritsEnvironment: false,
    readyFile: null,
    stopWithinMs: 10_000,
    ...more,
  };
}

const stay = 'setInterval(() => {}, 1000)';
const trace = (): string[] => {
  const path = join(paths.root, 'trace');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
};
const statusOf = (name: string): ReturnType<typeof find> => find(name);
const find = (name: string) => readStatus(paths)?.services.find((each) => each.name === name);
async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(5);
}
const run = async (...services: ServicePlan[]): Promise<void> => {
  await writePlan(paths, { version: 1, id: 'first', services });
  await supervisor.reconcile();
};

describe('createSupervisor', () => {
  it('starts what the plan names, writes down who runs, and answers with the id of the plan', async () => {
    await run(service('temporal', stay), service('s3', stay));
    await until(() => trace().length === 2);
    const pids = readPids(paths);
    expect([...pids.keys()].sort()).toEqual(['s3', 'temporal']);
    expect([...pids.values()].every(isRunning)).toBe(true);
    expect(readStatus(paths)?.planId).toBe('first');
    expect(statusOf('s3')).toMatchObject({ state: 'running', pid: pids.get('s3')?.pid, exits: 0 });
  });

  it('stops in reverse order and leaves no pid file', async () => {
    await run(service('temporal', stay), service('s3', stay), service('worker', stay));
    await until(() => trace().length === 3);
    await supervisor.stop();
    expect(trace().slice(3)).toEqual(['worker ends', 's3 ends', 'temporal ends']);
    expect(readPids(paths).size).toBe(0);
    expect(statusOf('worker')).toMatchObject({ state: 'stopped', pid: null });
  });

  it('restarts what ends, again and again, and tells how it ended', async () => {
    await run(service('worker', 'process.exit(7)'));
    await until(() => trace().length >= 4);
    await until(() => (statusOf('worker')?.exits ?? 0) >= 3);
    expect(statusOf('worker')?.lastExit).toBe('exit code 7');
  });

  it('goes on trying a program that is not there', async () => {
    await run(service('s3', '', { command: join(paths.root, 'nothing') }));
    await until(() => (statusOf('s3')?.exits ?? 0) >= 2);
    expect(statusOf('s3')?.lastExit).toMatch(/ENOENT/);
  });

  it('kills what does not end in time', async () => {
    await run(
      service(
        'temporal',
        `process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => {}); note('deaf'); ${stay}`,
        { stopWithinMs: 50 },
      ),
    );
    await until(() => trace().includes('temporal deaf'));
    const [identity] = readPids(paths).values();
    await supervisor.stop();
    expect(identity !== undefined && isRunning(identity)).toBe(false);
    expect(log.some((line) => line.startsWith('temporal: killed'))).toBe(true);
  });

  it('adds what a later plan names, without touching what runs', async () => {
    await run(service('temporal', stay));
    await until(() => trace().length === 1);
    const before = readPids(paths).get('temporal');
    await writePlan(paths, { version: 1, id: 'second', services: [service('temporal', stay), service('s3', stay)] });
    await supervisor.reconcile();
    await until(() => trace().length === 2);
    expect(readPids(paths).get('temporal')).toEqual(before);
    expect(readStatus(paths)?.planId).toBe('second');
  });

  it('gives a server the credentials and hardly any of the environment, a worker all of it', async () => {
    writeFileSync(
      credentialsPath(paths.root),
      JSON.stringify({ accessKey: 'canary-access', secretKey: 'canary-secret-key' }),
    );
    process.env['GRAFT_TEST_CANARY'] = 'inherited';
    const tell = `note(JSON.stringify([process.env.GRAFT_TEST_CANARY, process.env.USER_KEY, process.env.SET])); ${stay}`;
    await run(
      service('s3', tell, { credentials: { accessKey: 'USER_KEY', secretKey: 'USER_SECRET' }, env: { SET: 'yes' } }),
      service('worker', tell, { inheritsEnvironment: true }),
    );
    await until(() => trace().length === 4);
    delete process.env['GRAFT_TEST_CANARY'];
    expect(trace()).toContain('s3 [null,"canary-access","yes"]');
    expect(trace()).toContain('worker ["inherited",null,null]');
    expect(readFileSync(paths.plan, 'utf8') + readFileSync(paths.status, 'utf8')).not.toContain('canary');
  });

  it('removes the ready file before each start', async () => {
    const readyFile = paths.workerReady;
    writeFileSync(readyFile, 'of an earlier life');
    const tell = `note(String(require('node:fs').existsSync(${JSON.stringify(readyFile)}))); ${stay}`;
    await run(service('worker', tell, { readyFile }));
    await until(() => trace().length === 2);
    expect(trace()[1]).toBe('worker false');
  });
});
