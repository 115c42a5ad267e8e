import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-lock-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('withLock', () => {
  it('lets one in at a time and tells the others that they wait', async () => {
    const path = join(folder, 'thing');
    const order: string[] = [];
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((done) => (letGo = done));
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((done) => (entered = done));
    const first = withLock(path, async () => {
      entered();
      await held;
      order.push('first');
    });
    await inside;
    const second = withLock(path, async () => void order.push('second'), {
      pollMs: 5,
      onWait: () => {
        order.push('waits');
        letGo();
      },
    });
    await Promise.all([first, second]);
    expect(order).toEqual(['waits', 'first', 'second']);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('takes over the lock of a process that died', async () => {
    const path = join(folder, 'thing');
    mkdirSync(`${path}.lock`);
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(`${path}.lock`, longAgo, longAgo);
    expect(await withLock(path, () => Promise.resolve('mine'))).toBe('mine');
  });

  it('gives the lock back when the work fails', async () => {
    const path = join(folder, 'thing');
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrowError('no');
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('stops waiting when asked to', async () => {
    const path = join(folder, 'thing');
    mkdirSync(`${path}.lock`);
    const stop = new AbortController();
    const waiting = withLock(path, () => Promise.resolve(), {
      pollMs: 60_000,
      signal: stop.signal,
      onWait: () => {
        setImmediate(() => {
          stop.abort();
        });
      },
    });
    await expect(waiting).rejects.toThrowError(/abort/i);
  });
});
