import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asRunId } from '../../core/ids.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { bringUpToDate, createEventCopy } from './event-copy.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-events-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('a copy of events', () => {
  it('fetches what is new or has changed, and nothing twice', async () => {
    const store = createMemoryObjectStore();
    const put = (key: string, text: string) => store.put(`runs/pets-1/events/${key}`, Buffer.from(text));
    await put('train/a', 'one');
    await put('b', 'two');
    await store.put('runs/pets-1/run.json', Buffer.from('not an event'));
    const copy = createEventCopy(store, [asRunId('pets-1')], dir);
    expect(await copy.refresh()).toBe(2);
    expect(await copy.refresh()).toBe(0);
    await put('train/a', 'one and more');
    expect(await copy.refresh()).toBe(1);
    expect(copy.files).toBe(2);
    expect(readFileSync(join(dir, 'pets-1/train/a'), 'utf8')).toBe('one and more');
  });

  it('keeps the file that TensorBoard holds open, whatever came before', async () => {
    const path = join(dir, 'events');
    await bringUpToDate(path, Buffer.from('x'));
    const { ino } = statSync(path);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 20 }), async (bytes) => {
        await bringUpToDate(path, bytes);
        expect([...readFileSync(path)]).toEqual([...bytes]);
        expect(statSync(path).ino).toBe(ino);
      }),
    );
  });
});
