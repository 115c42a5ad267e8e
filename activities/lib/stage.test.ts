import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../core/canonical-json.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { putBlob } from '../../test/fakes/stage-fixtures.ts';
import { cachedStage, readStage, requireStage, stageKey } from './stage.ts';

const Output = z.object({ count: z.int() });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Ask {
  readonly count?: number;
  readonly addressedBy?: Readonly<Record<string, Json>>;
  readonly codeVersion?: number;
  /** What others do before the part of this one is written, and after. */
  readonly before?: () => Promise<unknown>;
  readonly after?: () => Promise<unknown>;
}

/** Asks for a stage whose one part says its count; counts how often it was computed. */
function stageOn(store: MemoryObjectStore) {
  const clock = createFakeClock();
  let computed = 0;
  const ask = ({ count = 1, addressedBy = { input: 'x' }, codeVersion = 1, ...others }: Ask = {}) =>
    cachedStage({
      store,
      clock,
      signal: new AbortController().signal,
      stage: 'split',
      codeVersion,
      addressedBy,
      output: Output,
      async compute(partsPrefix) {
        computed++;
        await others.before?.();
        const part = await putBlob(store, `${partsPrefix}part`, bytes(String(count)));
        await others.after?.();
        return { output: { count }, parts: [part] };
      },
    });
  return { ask, computed: () => computed };
}

const manifestOf = (store: MemoryObjectStore): string => store.keys().find((key) => key.endsWith('manifest.json'))!;

describe('a stage', () => {
  it('computes once for what addresses it', async () => {
    const { ask, computed } = stageOn(createMemoryObjectStore());
    const first = await ask();
    expect(first).toMatchObject({ cached: false, output: { count: 1 } });
    expect(await ask({ count: 2 })).toEqual({ ...first, cached: true });
    expect(computed()).toBe(1);
    expect(first.manifestKey).toBe(`stages/split/${first.key}/manifest.json`);
  });

  it('computes again for other input, other parameters or newer code', async () => {
    const { ask, computed } = stageOn(createMemoryObjectStore());
    const keys = [
      await ask(),
      await ask({ addressedBy: { input: 'y' } }),
      await ask({ addressedBy: { input: 'x', seed: 1 } }),
      await ask({ addressedBy: { input: 'x', seed: null } }),
      await ask({ codeVersion: 2 }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(5);
    expect(computed()).toBe(5);
    expect(stageKey('split', 1, { b: 1, a: 2 })).toBe(stageKey('split', 1, { a: 2, b: 1 }));
    expect(stageKey('split', 1, { a: 2 })).not.toBe(stageKey('train', 1, { a: 2 }));
  });

  it('computes again where a part is gone or of another size', async () => {
    const store = createMemoryObjectStore();
    const { ask, computed } = stageOn(store);
    const first = await ask();
    const part = store.keys().find((key) => key.endsWith('/part'))!;
    await store.delete(part);
    expect(await ask()).toMatchObject({ cached: false, key: first.key });
    await store.put(
      store.keys().find((key) => key.endsWith('/part'))!,
      bytes('longer'),
    );
    expect(await ask()).toMatchObject({ cached: false });
    expect(computed()).toBe(3);
    expect(await ask()).toMatchObject({ cached: true });
  });

  const damages: [string, (store: MemoryObjectStore, key: string) => Promise<unknown> | void][] = [
    ['is not JSON', (store: MemoryObjectStore, key: string) => store.put(key, bytes('{'))],
    [
      'is of another form',
      (store: MemoryObjectStore, key: string) => store.put(key, bytes('{"kind":"graft.stage/9"}')),
    ],
    [
      'was damaged in the store',
      (store: MemoryObjectStore, key: string) => store.corrupt(key, (body) => body.slice(1)),
    ],
  ];

  it.each(damages)('computes again where its manifest %s, and mends it', async (_, damage) => {
    const store = createMemoryObjectStore();
    const { ask, computed } = stageOn(store);
    await ask();
    await damage(store, manifestOf(store));
    expect(await ask({ count: 2 })).toMatchObject({ cached: false, output: { count: 2 } });
    expect(await ask()).toMatchObject({ cached: true, output: { count: 2 } });
    expect(computed()).toBe(2);
  });

  it('killed after any operation does not exist, or is whole', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      const kill = createKillSwitch();
      const store = createMemoryObjectStore({ before: kill.before });
      const { ask } = stageOn(store);
      kill.arm(operations);
      done = await survives(ask({ count: 1 }));
      kill.disarm();
      const again = await ask({ count: 2 });
      expect(again).toMatchObject(
        done ? { cached: true, output: { count: 1 } } : { cached: false, output: { count: 2 } },
      );
    }
  });

  it.each(['before', 'after'] as const)(
    'that two compute at once, %s the other, is the first one’s for both',
    async (when) => {
      const store = createMemoryObjectStore();
      const [first, second] = [stageOn(store), stageOn(store)];
      const answer = await second.ask({ count: 2, [when]: () => first.ask({ count: 1 }) });
      expect(answer).toMatchObject({ cached: false, output: { count: 1 } });
      expect(await second.ask()).toMatchObject({ cached: true, output: { count: 1 } });
      const manifest = await readStage(store, answer.manifestKey, Output);
      expect(manifest?.parts).toHaveLength(1);
      // The same process at the same millisecond: their parts must not lie in one place.
      for (const part of manifest?.parts ?? []) expect((await store.get(part.key))?.body.toString()).toBe('1');
    },
  );

  it('keeps what addressed it, for whoever asks why', async () => {
    const store = createMemoryObjectStore();
    const { manifestKey } = await stageOn(store).ask({ addressedBy: { input: 'x', seed: 3 } });
    expect((await readStage(store, manifestKey, Output))?.addressedBy).toEqual({ input: 'x', seed: 3 });
  });

  it('that must be there and is not, is an error that says what to do', async () => {
    const store = createMemoryObjectStore();
    await expect(requireStage(store, 'stages/split/x/manifest.json', Output)).rejects.toMatchObject({
      code: 'STAGE_MISSING',
      kind: 'failed',
      message: expect.stringContaining('start the run again'),
    });
  });
});
