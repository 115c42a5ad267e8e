import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PrepareOutput, SplitOutput } from '../../contracts/manifests.ts';
import type { PreparedShard, Side } from '../../contracts/manifests.ts';
import { DatasetConfig, SplitConfig } from '../../contracts/pipeline-config.ts';
import type { PrepareInput, PrepareResult } from '../../contracts/stages.ts';
import { asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { compareText } from '../../core/dataset/order.ts';
import { asRunId } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import { colourOf, createFakeDataPorts, manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { readLines } from '../lib/json-lines.ts';
import { requireStage } from '../lib/stage.ts';
import { createSplitActivities } from '../split/split.ts';
import { createPrepareActivities } from './prepare.ts';

const open: FakeDataPorts[] = [];
afterEach(async () => {
  for (const ports of open.splice(0)) await ports.remove();
});

const image = { heightPx: 4, widthPx: 3, channels: 3, resize: 'stretch' } as const;
const never = new AbortController().signal;

/** Ingested and split; ready to be prepared. */
async function setUp(
  ...[files, before]: Parameters<typeof createFakeDataPorts>
): Promise<{ ports: FakeDataPorts; input: PrepareInput }> {
  const ports = await createFakeDataPorts(files, before);
  open.push(ports);
  const dataset = DatasetConfig.parse({ source: 'memory' });
  const ingested = await createIngestActivities(ports).ingestDataset({
    ...{ dataset, datasetName: 'pets' },
    runId: asRunId('pets-1'),
  });
  const datasetManifestKey = ingested.output.manifestKey;
  const split = await createSplitActivities(ports).splitDataset({
    ...{ datasetManifestKey, datasetName: 'pets' },
    split: SplitConfig.parse({}),
  });
  const sides: Side[] = ['train', 'validation', 'test'];
  return { ports, input: { datasetManifestKey, splitManifestKey: split.manifestKey, image, sides } };
}

const prepare = (ports: FakeDataPorts, input: PrepareInput) => createPrepareActivities(ports).prepareImages(input);

async function shardsOf(ports: FakeDataPorts, result: PrepareResult, side: Side): Promise<PreparedShard[]> {
  return (await requireStage(ports.store, result.manifestKey, PrepareOutput)).sides[side]?.shards ?? [];
}

async function contentOf(ports: FakeDataPorts, shard: PreparedShard) {
  const { body } = (await ports.store.get(shard.key, { sha256: shard.sha256 }))!;
  const { tensors } = unwrap(decodeSafetensors(body));
  const items: { path: string; sha256: string }[] = [];
  const schema = z.object({ path: z.string(), sha256: z.string() });
  for await (const item of readLines(ports.store, shard.items, schema, never)) items.push(item);
  return { images: tensors.get('images')!, labels: [...asInt32(tensors.get('labels')!)], items };
}

describe('prepareImages', () => {
  it('renders each picture into its row, with its label, in order of content', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 30, dog: 20 }));
    const result = await prepare(ports, input);
    expect(result.output).toEqual({ image, classes: ['cat', 'dog'], rows: { train: 35, validation: 5, test: 10 } });
    expect(result.summary).toBe('50 images of 4×3×3 in 3 shards');
    const split = await requireStage(ports.store, input.splitManifestKey, SplitOutput);
    for (const side of input.sides) {
      const [shard] = await shardsOf(ports, result, side);
      const { images, labels, items } = await contentOf(ports, shard!);
      expect(images).toMatchObject({ dtype: 'U8', shape: [split.counts[side], 4, 3, 3] });
      expect(items.map(({ sha256 }) => sha256)).toEqual(items.map(({ sha256 }) => sha256).sort(compareText));
      items.forEach(({ path }, row) => {
        expect(labels[row]).toBe(path.startsWith('cat') ? 0 : 1);
        const pixels = images.data.subarray(36 * row, 36 * (row + 1));
        expect([...new Set(pixels)]).toEqual([colourOf(ports.source.files.get(path)!)]);
      });
    }
  });

  it('is a hit the second time, and the same bytes when done again elsewhere', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 30, dog: 20 }));
    const first = await prepare(ports, input);
    expect(await prepare(ports, input)).toEqual({ ...first, cached: true });
    const other = await setUp(manyPictures({ cat: 30, dog: 20 }));
    const second = await prepare(other.ports, other.input);
    for (const side of input.sides) {
      const hashes = (shards: PreparedShard[]) => shards.map(({ sha256, items }) => [sha256, items.sha256]);
      expect(hashes(await shardsOf(other.ports, second, side))).toEqual(hashes(await shardsOf(ports, first, side)));
    }
  });

  it('renders large pictures from files and small ones from their bytes', async () => {
    const large = pictureText(`large ${'x'.repeat(2 ** 20)}`);
    const { ports, input } = await setUp({ ...manyPictures({ cat: 20, dog: 20 }), 'cat/large.png': large });
    await prepare(ports, input);
    expect(ports.images.rendered).toHaveLength(41);
    expect(ports.images.rendered).toContain(large);
    expect(ports.calls.filter((call) => call.startsWith('getFile '))).toHaveLength(1);
    expect(await readdir(await ports.files.scratch('prepare'))).toEqual([]);
  });

  it('leaves shards where a training of the same worker finds them', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 30, dog: 20 }));
    const trainsHere = { almostRendered: () => undefined };
    const result = await createPrepareActivities({ ...ports, trainsHere }).prepareImages(input);
    const [shard] = await shardsOf(ports, result, 'train');
    ports.calls.length = 0;
    const path = await ports.files.fetch(shard!);
    expect(ports.calls).toEqual([]);
    expect(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ).toBe(shard!.sha256);
    expect(await readdir(await ports.files.scratch('prepare'))).toEqual([]);
  });

  it('tells once, before the last rows are rendered', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 700, dog: 700 }));
    const rendered: number[] = [];
    const trainsHere = { almostRendered: (): void => void rendered.push(ports.images.rendered.length) };
    await createPrepareActivities({ ...ports, trainsHere }, () => 64).prepareImages(input);
    expect(rendered).toHaveLength(1);
    expect(rendered[0]).toBeGreaterThanOrEqual(1400 - 1024);
    expect(rendered[0]).toBeLessThan(1400);
    await createPrepareActivities({ ...ports, trainsHere }, () => 64).prepareImages(input);
    expect(rendered).toHaveLength(1);
  });

  it('leaves nothing on the disk', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 20, dog: 20 }));
    await prepare(ports, input);
    expect(await readdir(await ports.files.scratch('prepare'))).toEqual([]);
    expect(await readdir(await ports.files.scratch('ingest'))).toEqual([]);
  });

  it('goes on after a crash with the shards that were done', async () => {
    let records = 0;
    const { ports, input } = await setUp(manyPictures({ cat: 30, dog: 30 }), (call, key) => {
      if (call === 'put' && /^stages\/prepare\/.*\.json$/.test(key) && ++records === 3) throw new Error('killed');
    });
    const { prepareImages } = createPrepareActivities(ports, () => 16);
    await expect(prepareImages(input)).rejects.toThrow('killed');
    ports.images.rendered.length = 0;
    const result = await prepareImages(input);
    expect((await shardsOf(ports, result, 'train')).map(({ rows }) => rows)).toEqual([16, 16, 10]);
    // All 12 of the test side were recorded, and one or two of the three shards to train on.
    expect(ports.images.rendered.length).toBeGreaterThanOrEqual(10 + 6);
    expect(ports.images.rendered.length).toBeLessThanOrEqual(60 - 12 - 10);
  });

  it('makes a shard again that is gone or cut short', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 20, dog: 20 }));
    const first = await prepare(ports, input);
    const [shard] = await shardsOf(ports, first, 'test');
    ports.store.corrupt(shard!.key, (body) => body.subarray(1));
    const second = await prepare(ports, input);
    expect([second.cached, second.output]).toEqual([false, first.output]);
    await contentOf(ports, (await shardsOf(ports, second, 'test'))[0]!);
  });

  it('takes a picture that fails now, but did not at ingest, for a fault of the store', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 20, dog: 20 }));
    const raw = ports.store.keys().find((key) => key.startsWith('blobs/'))!;
    ports.store.corrupt(raw, () => Buffer.from('bad IMAGE_CORRUPT x'));
    await expect(prepare(ports, input)).rejects.toMatchObject({ type: 'STORE_CORRUPT', nonRetryable: false });
    await ports.store.delete(raw);
    await expect(prepare(ports, input)).rejects.toMatchObject({ type: 'BLOB_GONE', nonRetryable: true });
  });

  it('renders only the sides asked for', async () => {
    const { ports, input } = await setUp(manyPictures({ cat: 30, dog: 20 }));
    const result = await prepare(ports, { ...input, sides: ['test'] });
    expect(result.output.rows).toEqual({ test: 10 });
    expect(ports.images.rendered).toHaveLength(10);
  });

  it('keeps copies of a picture as rows of their own', async () => {
    const copies = { 'cat/copy a.png': pictureText('cat 1'), 'cat/copy b.png': pictureText('cat 1') };
    const { ports, input } = await setUp({ ...manyPictures({ cat: 20, dog: 20 }), ...copies });
    const { output } = await prepare(ports, input);
    expect(Object.values(output.rows).reduce((sum, rows) => sum + rows, 0)).toBe(42);
  });
});
