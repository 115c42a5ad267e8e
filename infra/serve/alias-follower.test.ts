import { describe, expect, it } from 'vitest';
import type { ModelVersion } from '../../contracts/registry.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { AliasFollower } from './alias-follower.ts';

interface Fake {
  readonly version: ModelVersion;
  isLive: boolean;
  closed: boolean;
  close(): Promise<void>;
}

function world() {
  const clock = createFakeClock();
  const at = { etag: 'a', version: 1, broken: new Set<number>(), loads: 0 };
  const models: Fake[] = [];
  const said: string[] = [];
  const follower = new AliasFollower<Fake>({
    clock,
    store: { head: (key) => Promise.resolve({ key, etag: at.etag, sizeBytes: 1, modifiedAt: new Date(0) }) },
    pointerKey: 'models/m/aliases.json',
    resolve: () => Promise.resolve({ name: 'm', version: at.version } as ModelVersion),
    load: (version) => {
      at.loads++;
      if (at.broken.has(version.version)) return Promise.reject(new Error(`version ${version.version} is broken`));
      const model: Fake = {
        ...{ version, isLive: true, closed: false },
        close: () => {
          model.closed = true;
          return Promise.resolve();
        },
      };
      models.push(model);
      return Promise.resolve(model);
    },
    onSwitch: (to, from) => said.push(`${from?.version ?? '-'} → ${to.version}`),
    onFailure: (message) => said.push(message),
  });
  const move = (version: number) => {
    at.version = version;
    at.etag += '+';
  };
  return { clock, at, models, said, follower, move };
}

describe('AliasFollower', () => {
  it('changes when the pointer moves, closes what was there, and loads nothing otherwise', async () => {
    const { follower, models, said, move, at } = world();
    await follower.start();
    await follower.look();
    expect(at.loads).toBe(1);
    move(2);
    await follower.look();
    expect(follower.current?.version.version).toBe(2);
    expect(models.map(({ closed }) => closed)).toEqual([true, false]);
    expect(said).toEqual(['- → 1', '1 → 2']);
  });

  it('does not load again when another alias of the model moved', async () => {
    const { follower, move, at } = world();
    await follower.start();
    move(1);
    await follower.look();
    expect(at.loads).toBe(1);
  });

  it('keeps the old version where the new one fails, tries it again after a while, and a moved pointer at once', async () => {
    const { follower, said, move, at, clock } = world();
    await follower.start();
    at.broken.add(2);
    move(2);
    await follower.look();
    await follower.look();
    expect(at.loads).toBe(2);
    expect(follower.current?.version.version).toBe(1);
    expect(said.at(-1)).toBe('version 2 is broken');
    clock.advance(30_000);
    await follower.look();
    expect(at.loads).toBe(3);
    move(3);
    await follower.look();
    expect(follower.current?.version.version).toBe(3);
  });

  it('loads the version anew when its process is lost', async () => {
    const { follower, models, at } = world();
    await follower.start();
    models[0]!.isLive = false;
    expect(follower.current).toBeNull();
    await follower.look();
    expect(at.loads).toBe(2);
    expect(follower.current?.version.version).toBe(1);
  });

  it('closes all it holds', async () => {
    const { follower, models, move } = world();
    await follower.start();
    move(2);
    await follower.look();
    await follower.close();
    expect(models.map(({ closed }) => closed)).toEqual([true, true]);
  });
});
