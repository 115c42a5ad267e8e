import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { identify, isRunning, stopProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that has said `up`, so that its signal handlers are in place. */
async function start(program: string): Promise<{ child: ChildProcess; identity: ProcessIdentity }> {
  const child = spawn(process.execPath, ['-e', `${program}; console.log('up'); setInterval(() => {}, 1000)`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await new Promise((done) => child.stdout.once('data', done));
  const identity = identify(child.pid ?? -1);
  if (identity === null) throw new Error('it does not run');
  return { child, identity };
}

describe('identify', () => {
  it('finds this process and no process', () => {
    const self = identify(process.pid);
    expect(self).not.toBeNull();
    expect(self !== null && isRunning(self)).toBe(true);
    expect(identify(2 ** 22 + 1)).toBeNull();
  });

  it('does not take another process with the same pid for the one that was meant', () => {
    expect(isRunning({ pid: process.pid, startedAt: 'before the reboot' })).toBe(false);
  });
});

describe('stopProcess', () => {
  it('waits for one that ends when asked', async () => {
    const { child, identity } = await start('');
    expect(await stopProcess(identity, 10_000, 5)).toBe('ended');
    expect(isRunning(identity)).toBe(false);
    expect(child.signalCode ?? 'SIGTERM').toBe('SIGTERM');
  });

  it('kills one that does not', async () => {
    const { identity } = await start("process.on('SIGTERM', () => {})");
    expect(await stopProcess(identity, 50, 5)).toBe('killed');
    expect(isRunning(identity)).toBe(false);
  });

  it('leaves alone a process that merely got the same pid', async () => {
    const { child } = await start('');
    expect(await stopProcess({ pid: child.pid ?? -1, startedAt: 'another' }, 50, 5)).toBe('was gone');
    expect(identify(child.pid ?? -1)).not.toBeNull();
  });
});
