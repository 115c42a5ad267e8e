import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { DatasetItem, DatasetManifest, QuarantinedItem } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { DatasetConfig } from '../../contracts/pipeline-config.ts';
import type { IngestInput } from '../../contracts/stages.ts';
import { endsPartition } from '../../core/dataset/chunks.ts';
import { compareText } from '../../core/dataset/order.ts';
import { asRunId } from '../../core/ids.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import { createFakeDataPorts, createFakeSource, manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { readLines } from '../lib/json-lines.ts';
import { createIngestActivities } from './ingest.ts';

const open: FakeDataPorts[] = [];
afterEach(async () => {
  for (const ports of open.splice(0)) await ports.remove();
});

async function setUp(...[files, before]: Parameters<typeof createFakeDataPorts>): Promise<FakeDataPorts> {
  const ports = await createFakeDataPorts(files, before);
  open.push(ports);
  return ports;
}

function inputOf({
  groupBy = null,
  ...dataset
}: { maxQuarantined?: number; groupBy?: string | null } = {}): IngestInput {
  const config = DatasetConfig.parse({ source: 'memory', ...dataset, split: { groupBy } });
  return { dataset: config, datasetName: 'pets', runId: asRunId('pets-1') };
}

const ingest = (ports: FakeDataPorts, input = inputOf()) => createIngestActivities(ports).ingestDataset(input);

const never = new AbortController().signal;

async function linesOf<T extends z.ZodType>(ports: FakeDataPorts, part: BlobRef, schema: T): Promise<z.output<T>[]> {
  const lines: z.output<T>[] = [];
  for await (const line of readLines(ports.store, part, schema, never)) lines.push(line);
  return lines;
}

async function manifestOf(ports: FakeDataPorts, key: string): Promise<DatasetManifest> {
  const found = await ports.store.get(key);
  return DatasetManifest.parse(JSON.parse(Buffer.from(found!.body).toString()));
}

async function itemsOf(ports: FakeDataPorts, key: string): Promise<DatasetItem[]> {
  const { partitions } = await manifestOf(ports, key);
  return (await Promise.all(partitions.map((part) => linesOf(ports, part, DatasetItem)))).flat();
}

/** A path below `label` after which a partition ends. */
function boundaryPath(label: string, from: number): string {
  for (let i = from; ; i++) if (endsPartition(`${label}/${i}.png`, 1)) return `${label}/${i}.png`;
}

/** Pictures of two classes whose listing is cut into three partitions. */
function threePartitions(): Record<string, string> {
  const [first, last] = [boundaryPath('cat', 100), boundaryPath('dog', 100)];
  return { ...manyPictures({ cat: 12, dog: 12, eel: 3 }), [first]: pictureText(first), [last]: pictureText(last) };
}

describe('ingestDataset', () => {
  it('stores every picture under its hash, and the items sorted by path', async () => {
    const ports = await setUp({ ...manyPictures({ cat: 3, dog: 2 }), 'ape/copy.png': pictureText('cat 0') });
    const { output, cached, summary } = await ingest(ports);
    expect({ cached, summary }).toEqual({ cached: false, summary: '6 images in 3 classes' });
    expect(output).toMatchObject({ dataset: 'pets', images: 6, quarantined: 0, classes: ['ape', 'cat', 'dog'] });
    // A classified picture is written as it was before there were annotations: caches of old runs go on to hold.
    expect(output.version).toBe('cbfc3b13fe7959dfa3238bc4c8742b39282106b7dfd83cf9a90a8cffe3a81155');
    const partition = '1c8f0c4b224333bce2052d1a535833cefdf120115513ae28aa86e72611a0a423';
    expect(ports.store.keys()).toContain(`datasets/pets/partitions/${partition}.jsonl`);
    const items = await itemsOf(ports, output.manifestKey);
    expect(items.map(({ path }) => path)).toEqual([...ports.source.files.keys()].sort(compareText));
    expect(items[1]).toMatchObject({ label: 'cat', width: 10, height: 20, channels: 3, format: 'png' });
    for (const { sha256, sizeBytes } of items) {
      expect((await ports.store.head(`blobs/sha256/${sha256.slice(0, 2)}/${sha256}`))?.sizeBytes).toBe(sizeBytes);
    }
    expect(await manifestOf(ports, output.manifestKey)).toMatchObject({ perClass: { ape: 1, cat: 3, dog: 2 } });
    expect(output.manifestKey).toBe(`datasets/pets/${output.version}/manifest.json`);
  });

  it('is a hit the second time, without a look into the files', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const first = await ingest(ports);
    ports.images.inspected.length = 0;
    const second = await ingest(ports);
    expect(second).toEqual({ ...first, cached: true });
    expect(ports.images.inspected).toEqual([]);
  });

  it('gives the same items the same version, wherever they come from', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const folder = await ingest(ports);
    const csv = createFakeSource(Object.fromEntries(ports.source.files), 'csv');
    const again = await ingest({ ...ports, openSource: () => Promise.resolve(csv) });
    expect([again.cached, again.key === folder.key]).toEqual([false, false]);
    expect(again.output).toEqual(folder.output);
  });

  it('changes the version with a label, a path or a byte', async () => {
    const versions = new Set<string>();
    for (const change of [{}, { 'dog/9.png': pictureText('x') }, { 'cat/0.png': pictureText('other') }]) {
      const ports = await setUp({ ...manyPictures({ cat: 3, dog: 3 }), ...change });
      versions.add((await ingest(ports)).output.version);
    }
    expect(versions.size).toBe(3);
  });

  it('quarantines bad files with their reasons, up to the limit', async () => {
    const bad = { 'cat/x.png': 'bad IMAGE_EMPTY 0 bytes', 'dog/y.png': 'bad IMAGE_CORRUPT a broken chunk' };
    const ports = await setUp({ ...manyPictures({ cat: 20, dog: 20 }), ...bad });
    const { output, summary } = await ingest(ports);
    expect(summary).toBe('40 images in 2 classes, 2 quarantined');
    expect(await linesOf(ports, output.quarantine!, QuarantinedItem)).toEqual([
      { path: 'cat/x.png', code: 'IMAGE_EMPTY', reason: '0 bytes' },
      { path: 'dog/y.png', code: 'IMAGE_CORRUPT', reason: 'a broken chunk' },
    ]);
    // The same result under a stricter limit.
    await expect(ingest(ports, inputOf({ maxQuarantined: 0.04 }))).rejects.toMatchObject({
      type: 'DATASET_QUARANTINE',
    });
  });

  it('fails above the limit with totals and the first reasons, and commits nothing', async () => {
    const bad = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`cat/x${i}.png`, 'bad IMAGE_EMPTY 0 bytes']));
    const ports = await setUp({ ...manyPictures({ cat: 4, dog: 4 }), ...bad, 'dog/z.png': 'bad IMAGE_PIXELS huge' });
    const failed = ingest(ports);
    await expect(failed).rejects.toBeInstanceOf(ApplicationFailure);
    await expect(failed).rejects.toMatchObject({ type: 'DATASET_QUARANTINE', nonRetryable: true });
    await expect(failed).rejects.toThrow(
      "6 of 14 files can't be used: 5 × IMAGE_EMPTY, 1 × IMAGE_PIXELS; first cat/x0",
    );
    expect(ports.store.keys().filter((key) => key.endsWith('manifest.json'))).toEqual([]);
  });

  it.each([
    [
      'all of a class',
      { ...manyPictures({ cat: 200 }), 'dog/1.png': 'bad IMAGE_EMPTY x' },
      'no readable picture in dog',
    ],
    ['one class', manyPictures({ cat: 5 }), 'one class only: cat'],
  ])('refuses %s', async (_, files, seen) => {
    const failed = ingest(await setUp(files));
    await expect(failed).rejects.toMatchObject({ type: 'DATASET_CLASSES', nonRetryable: true });
    await expect(failed).rejects.toThrow(seen);
  });

  it('leaves what is there as it is when it is tried again', async () => {
    let uploads = 0;
    const ports = await setUp(manyPictures({ cat: 20, dog: 20 }), (call, key) => {
      if (call === 'putIfAbsent' && key.startsWith('blobs/') && ++uploads === 25) throw new Error('killed');
    });
    await expect(ingest(ports)).rejects.toThrow('killed');
    const { output } = await ingest(ports);
    expect(output.images).toBe(40);
    const calls = ports.calls.filter((call) => call.includes(' blobs/'));
    expect(new Set(calls.filter((call) => call.startsWith('putIfAbsent '))).size).toBe(40);
    expect(calls.filter((call) => call.startsWith('put '))).toEqual([]);
  });

  it('does not upload a large file again that is there', async () => {
    const large = { 'cat/large.png': pictureText(`large ${'x'.repeat(2 ** 20)}`) };
    const ports = await setUp({ ...manyPictures({ cat: 3, dog: 3 }), ...large });
    await ingest(ports);
    ports.source.files.set('cat/new.png', pictureText('new'));
    await ingest(ports);
    expect(ports.calls.filter((call) => call.startsWith('put blobs/'))).toHaveLength(1);
  });

  it('writes a small file over what lies in its place and is something else', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const { output } = await ingest(ports);
    const [item] = await itemsOf(ports, output.manifestKey);
    const key = `blobs/sha256/${item!.sha256.slice(0, 2)}/${item!.sha256}`;
    const whole = (await ports.store.get(key))!.body;
    ports.store.corrupt(key, (body) => body.fill(0));
    ports.source.files.set('cat/new.png', pictureText('new'));
    await ingest(ports);
    expect(Buffer.from((await ports.store.get(key))!.body)).toEqual(Buffer.from(whole));
  });

  it('streams large files, and uploads again what was cut short', async () => {
    const large = pictureText(`large ${'x'.repeat(5 * 2 ** 20)}`);
    const ports = await setUp({ ...manyPictures({ cat: 3, dog: 3 }), 'cat/large.png': large });
    const { output } = await ingest(ports);
    const item = (await itemsOf(ports, output.manifestKey)).find(({ path }) => path === 'cat/large.png')!;
    expect(item.sizeBytes).toBe(large.length);
    const key = `blobs/sha256/${item.sha256.slice(0, 2)}/${item.sha256}`;
    ports.store.corrupt(key, (body) => body.subarray(1));
    ports.source.files.set('cat/new.png', pictureText('new'));
    await ingest(ports);
    expect(Buffer.from((await ports.store.get(key))!.body).toString()).toBe(large);
  });

  it('reads only what is new of a grown data set', async () => {
    const [first, second] = [boundaryPath('cat', 0), boundaryPath('cat', 10_000)].sort(compareText);
    const ends = { [first!]: pictureText('first end'), [second!]: pictureText('second end') };
    const ports = await setUp({ ...manyPictures({ ape: 5, dog: 5 }), ...ends });
    const before = await ingest(ports);
    expect((await manifestOf(ports, before.output.manifestKey)).partitions.length).toBeGreaterThan(1);
    ports.images.inspected.length = 0;
    ports.source.files.set('dog/new.png', pictureText('new'));
    const after = await ingest(ports);
    expect(after.output.images).toBe(13);
    // The last chunk alone: the dogs.
    expect(ports.images.inspected).toHaveLength(6);
    expect(await itemsOf(ports, after.output.manifestKey)).toHaveLength(13);
  });

  it('reads a chunk again whose partition is gone or damaged', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const { output } = await ingest(ports);
    const [partition] = (await manifestOf(ports, output.manifestKey)).partitions;
    await ports.store.delete(partition!.key);
    expect(await ingest(ports)).toMatchObject({ cached: false, output });
    expect(await itemsOf(ports, output.manifestKey)).toHaveLength(6);
    expect(ports.images.inspected).toHaveLength(12);
  });

  it('does not take a file that cannot be opened for a bad picture', async () => {
    const ports = await setUp({ ...manyPictures({ cat: 30, dog: 30 }), 'cat/x.png': 'bad IMAGE_UNREADABLE EACCES' });
    await expect(ingest(ports)).rejects.toMatchObject({ type: 'DATASET_ACCESS', nonRetryable: true });
  });

  it('names the group of each item, which makes another data set', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const plain = await ingest(ports);
    const grouped = await ingest(ports, inputOf({ groupBy: '(cat|dog)/[01]' }));
    expect(grouped.output.version).not.toBe(plain.output.version);
    const groups = (await itemsOf(ports, grouped.output.manifestKey)).map(({ group }) => group);
    expect(groups).toEqual(['cat', 'cat', undefined, 'dog', 'dog', undefined]);
    await expect(ingest(ports, inputOf({ groupBy: '(bird)' }))).rejects.toMatchObject({ type: 'DATASET_GROUP' });
    await expect(ingest(ports, inputOf({ groupBy: '(' }))).rejects.toMatchObject({ type: 'DATASET_GROUP' });
  });

  it('keeps boxes, and quarantines what contradicts its picture: items in = items kept + quarantined', async () => {
    const ports = await setUp(manyPictures({ a: 6 }));
    const cat = { label: 'cat', xMin: 1, yMin: 2, xMax: 9, yMax: 19 };
    const annotated: Record<string, Partial<SourceEntry>> = {
      'a/0.png': { annotations: { unit: 'pixels', boxes: [cat, { ...cat, label: 'dog', crowd: true }], side: 'test' } },
      'a/1.png': { annotations: { unit: 'relative', boxes: [{ ...cat, xMin: 0, yMin: 0, xMax: 0.5, yMax: 1 }] } },
      'a/2.png': { annotations: { unit: 'pixels', boxes: [{ ...cat, xMax: 20 }] } },
      'a/3.png': { annotations: { unit: 'pixels', size: { width: 20, height: 10 }, boxes: [] } },
      'a/4.png': { problem: { code: 'ANNOTATION_CLASS', reason: 'class 7 of 3' } },
      'a/5.png': { annotations: { unit: 'pixels', boxes: [] } },
    };
    const source: DatasetSource = {
      ...ports.source,
      task: 'detection',
      async *list() {
        for await (const entry of ports.source.list()) yield { ...entry, label: '', ...annotated[entry.path] };
      },
    };
    const detection = { ...inputOf({ maxQuarantined: 0.9 }), task: 'detection' } as const;
    const { output } = await ingest({ ...ports, openSource: () => Promise.resolve(source) }, detection);
    expect(output).toMatchObject({ images: 3, quarantined: 3, classes: ['cat', 'dog'] });
    const items = await itemsOf(ports, output.manifestKey);
    expect(items.map(({ boxes }) => boxes)).toEqual([
      [cat, { ...cat, label: 'dog', crowd: true }],
      [{ ...cat, xMin: 0, yMin: 0, xMax: 5, yMax: 20 }],
      [],
    ]);
    expect(items[0]?.side).toBe('test');
    const manifest = await manifestOf(ports, output.manifestKey);
    expect(manifest).toMatchObject({ task: 'detection', boxes: 3, perClass: { cat: 2, dog: 1 } });
    const codes = (await linesOf(ports, output.quarantine!, QuarantinedItem)).map(({ code }) => code);
    expect(codes).toEqual(['ANNOTATION_BOX', 'ANNOTATION_SIZE', 'ANNOTATION_CLASS']);
  });

  it('reports how far it is, and stops when it is cancelled', async () => {
    const ports = await setUp(manyPictures({ cat: 250, dog: 250 }));
    const environment = new MockActivityEnvironment({ attempt: 1 });
    const beats: unknown[] = [];
    environment.on('heartbeat', (details) => beats.push(details));
    ports.images.before = () => {
      if (ports.images.inspected.length === 30) environment.cancel();
    };
    const { ingestDataset } = createIngestActivities(ports);
    await expect(environment.run(ingestDataset, inputOf())).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(beats[0]).toEqual({ stage: 'ingest', phase: 'listing', done: 0, total: null });
    expect(ports.images.inspected.length).toBeLessThan(400);
    expect(ports.store.keys().filter((key) => key.endsWith('manifest.json'))).toEqual([]);
  });

  it('finds what others read of it in shares, each file read once', async () => {
    const ports = await setUp(threePartitions());
    const { readShare } = createIngestActivities(ports);
    const shares = [0, 1, 2].map((index) => readShare({ ...inputOf(), share: { index, of: 3 } }));
    const partitions = (await Promise.all(shares)).reduce((sum, share) => sum + share.partitions, 0);
    expect(partitions).toBe(3);
    const { output } = await ingest(ports);
    expect(output).toMatchObject({ images: ports.source.files.size, quarantined: 0 });
    expect(new Set(ports.images.inspected).size).toBe(ports.source.files.size);
    expect(ports.images.inspected).toHaveLength(ports.source.files.size);
  });
});
