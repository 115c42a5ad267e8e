import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tar from 'tar';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { rmSync } from 'node:fs';
import type { ExportManifest } from '../../contracts/export.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { hashOf, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { temporaryDir } from '../../test/servers.ts';
import { dropArchives, readExport, readExports, recordExport } from './exports.ts';

const dir = temporaryDir('exports');
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const channels = { scale: [1, 1, 1], shift: [0, 0, 0], channelOrder: 'rgb' as const };

/** An export of two files as `graft models export` leaves it. */
function exported(text: string, createdAt = '2026-01-01T00:00:00.000Z'): { out: string; manifest: ExportManifest } {
  const out = join(dir, hashOf(text).slice(0, 8));
  mkdirSync(join(out, '1'), { recursive: true });
  writeFileSync(join(out, '1/weights.bin'), text);
  writeFileSync(join(out, 'model.json'), '{}');
  const files = [
    { path: '1/weights.bin', sha256: hashOf(text), sizeBytes: text.length },
    { path: 'model.json', sha256: hashOf('{}'), sizeBytes: 2 },
  ];
  const manifest: ExportManifest = {
    ...{ kind: 'graft.export/1', name: 'pets', version: 3, weightsSha256: hashOf('w'), graftVersion: '1', createdAt },
    ...{ format: 'tfjs', precision: 'int8', model: tinyModel(), files },
    preprocessing: { inside: ['normalize'], resize: '', normalization: { id: 'x', ...channels } },
    check: { pixels: { images: 8, maxDifference: 0.01 }, files: null, accuracy: null },
  };
  writeFileSync(join(out, 'export.json'), JSON.stringify(manifest));
  return { out, manifest };
}

let store: MemoryObjectStore;
beforeEach(() => (store = createMemoryObjectStore()));
const archives = (): string[] => store.keys().filter((key) => key.includes('/archives/'));
const kept = () => readExport(store, 'pets', 3, 'tfjs', 'int8');

describe('an export that is kept', () => {
  it('is one archive of all its files in a folder of its name, with no trace of the machine', async () => {
    const { out, manifest } = exported('first');
    await recordExport(store, manifest, out);
    const record = await kept();
    expect(record).toMatchObject({ sizeBytes: 7, archive: { key: archives()[0] } });
    const found = await store.get(record?.archive?.key ?? '', { sha256: record!.archive!.sha256 });
    expect(found?.body.length).toBe(record?.archive?.sizeBytes);
    const members: { path: string; mtime?: Date | undefined; uid?: number | undefined }[] = [];
    const reader = tar.list({ onReadEntry: ({ path, mtime, uid }) => members.push({ path, mtime, uid }) });
    reader.end(Buffer.from(found!.body));
    const at = new Date(manifest.createdAt);
    expect(members).toEqual(
      ['1/weights.bin', 'model.json', 'export.json'].map((path) => ({
        ...{ path: `pets-3-tfjs-int8/${path}`, mtime: at, uid: undefined },
      })),
    );
  });

  it('takes the place of the one before, whose archive goes', async () => {
    const first = exported('first');
    await recordExport(store, first.manifest, first.out);
    const [before] = archives();
    const second = exported('second, and longer');
    await recordExport(store, second.manifest, second.out);
    expect(archives()).toHaveLength(1);
    expect(archives()[0]).not.toBe(before);
    expect((await kept())?.archive?.key).toBe(archives()[0]);
    // The same bytes have the same name: they are not thrown away as the ones before.
    await recordExport(store, second.manifest, second.out);
    expect((await kept())?.archive?.key).toBe(archives()[0]);
  });

  it('is a record alone where nobody wants it kept, and what was kept before goes', async () => {
    const { out, manifest } = exported('first');
    await recordExport(store, manifest, out);
    await recordExport(store, manifest, null);
    expect(archives()).toEqual([]);
    expect(await readExports(store, 'pets', 3)).toMatchObject([{ format: 'tfjs', precision: 'int8', sizeBytes: 7 }]);
    expect((await kept())?.archive).toBeUndefined();
  });

  it('of more than 4 GiB is refused, before anything is packed', async () => {
    const { out, manifest } = exported('first');
    const files = manifest.files.map((file) => ({ ...file, sizeBytes: 3 * 2 ** 30 }));
    await expect(recordExport(store, { ...manifest, files }, out)).rejects.toMatchObject({ code: 'EXPORT_SIZE' });
    expect(store.keys()).toEqual([]);
  });

  it('is let go of with its version; what it cost stays known', async () => {
    const { out, manifest } = exported('first');
    await recordExport(store, manifest, out);
    await dropArchives(store, 'pets', 3);
    expect(archives()).toEqual([]);
    expect(await readExports(store, 'pets', 3)).toHaveLength(1);
  });
});
