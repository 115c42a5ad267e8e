import { z } from 'zod';
import { PrepareOutput, Sha256Field, StageManifest } from '../../contracts/manifests.ts';
import type { PreparedShard } from '../../contracts/manifests.ts';
import type { ExportJob, LocalSide } from '../../contracts/ml-protocol.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { inputError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { expandPaths } from './pictures.ts';
import { renderShards } from './scoring.ts';
import type { Picture, Scoring } from './scoring.ts';

/** Real pictures that an export is compared on: rendered, and files of some of them by row. */
export interface CheckPictures {
  readonly side: LocalSide;
  readonly pictures: ExportJob['pictures'];
}

/** A line of a shard's items, as far as it is wanted here. */
const PreparedItem = z.object({ sha256: Sha256Field });

/** Files whose decoding is compared as well. */
const FILES = 16;

/**
 * The model's own test side, as it was prepared, and the first of its files. EXPORT_TEST_SET (input) where it is gone
 * from the store.
 */
export async function ownTestSide(store: ObjectStore, scoring: Scoring, version: ModelVersion): Promise<CheckPictures> {
  const key = `stages/prepare/${version.lineage.prepareKey}/manifest.json`;
  const prepared = await readPrepared(store, key);
  const shards = prepared?.sides.test?.shards ?? [];
  if (shards.length === 0) {
    const seen = prepared === null ? 'the test set is gone' : 'the test set is empty';
    const expected = 'the pictures that the model was tested with';
    throw inputError('EXPORT_TEST_SET', key, seen, expected, 'name pictures to compare on: --check FOLDER');
  }
  const side: LocalSide = { rows: 0, shards: [] };
  const pictures: PictureFile[] = [];
  for (const shard of shards) {
    const first = side.rows;
    side.shards.push({ path: await scoring.fetch(shard), rows: shard.rows });
    side.rows += shard.rows;
    for (const [index, sha256] of (await contentsOf(store, shard, FILES - pictures.length)).entries()) {
      const path = `${scoring.dir}/${sha256}`;
      await store.getFile(`blobs/sha256/${sha256.slice(0, 2)}/${sha256}`, path, { sha256 });
      pictures.push({ path, row: first + index });
    }
  }
  return { side, pictures: await measured(scoring, pictures) };
}

/** Pictures that somebody names: without labels, so that no accuracy is measured. */
export async function namedPictures(
  scoring: Scoring,
  version: ModelVersion,
  paths: readonly string[],
): Promise<CheckPictures> {
  const files = await expandPaths([...paths]);
  const given = files.map((path): Picture => ({ name: path, path, label: null }));
  const side: LocalSide = { rows: 0, shards: [] };
  const rendered: string[] = [];
  const refuse = (found: { error: Error }): never => {
    throw found.error;
  };
  for await (const shard of renderShards(scoring, version, given, refuse)) {
    side.shards.push({ path: shard.path, rows: shard.pictures.length });
    side.rows += shard.pictures.length;
    rendered.push(...shard.pictures.map(({ path }) => path));
  }
  const pictures = rendered.slice(0, FILES).map((path, row) => ({ path, row }));
  return { side, pictures: await measured(scoring, pictures) };
}

interface PictureFile {
  readonly path: string;
  readonly row: number;
}

/** With the sides of each, as graft reads it: upright. */
async function measured({ decoder }: Scoring, pictures: readonly PictureFile[]): Promise<ExportJob['pictures']> {
  const sizes = await decoder.inspect(pictures.map(({ path }) => path));
  return pictures.map(({ path, row }, index) => {
    const size = sizes[index];
    if (!size) throw new Error(`no size of ${path}`);
    const { width, height } = unwrap(size);
    return { path, row, widthPx: width, heightPx: height };
  });
}

async function readPrepared(store: ObjectStore, key: string): Promise<PrepareOutput | null> {
  const found = await store.get(key);
  if (!found) return null;
  const manifest = StageManifest.parse(JSON.parse(new TextDecoder().decode(found.body)));
  return PrepareOutput.parse(manifest.output);
}

/** SHA-256 of the first files of a shard, in the order of its rows. */
async function contentsOf(store: ObjectStore, { items }: PreparedShard, most: number): Promise<Sha256[]> {
  if (most <= 0) return [];
  const found = await store.get(items.key, { sha256: items.sha256 });
  const lines = found ? new TextDecoder().decode(found.body).split('\n') : [];
  const filled = lines.filter((line) => line !== '').slice(0, most);
  return filled.map((line) => PreparedItem.parse(JSON.parse(line)).sha256);
}
