import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DatasetConfig } from '../../contracts/pipeline-config.ts';
import { asRunId } from '../../core/ids.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import { createFakeDataPorts, manyPictures, pictureText } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { createIngestActivities } from './ingest.ts';

const open: FakeDataPorts[] = [];
afterEach(async () => {
  for (const ports of open.splice(0)) await ports.remove();
});

async function setUp(files: Record<string, string>): Promise<FakeDataPorts> {
  const ports = await createFakeDataPorts(files);
  open.push(ports);
  return ports;
}
const dataset = DatasetConfig.parse({ source: 'memory' });
const ingest = (ports: FakeDataPorts) =>
  createIngestActivities(ports).ingestDataset({ dataset, datasetName: 'pets', runId: asRunId('pets-1') });

describe('how the files of a data set are read', () => {
  it('starts over when a file changes before it is read, small or large', async () => {
    const large = `large ${'x'.repeat(2 ** 20)}`;
    for (const [path, text] of [
      ['dog/1.png', 'much later'],
      ['dog/large.png', `${large} later`],
    ] as const) {
      const ports = await setUp({ ...manyPictures({ cat: 3, dog: 3 }), 'dog/large.png': pictureText(large) });
      const { source } = ports;
      let listings = 0;
      source.onList = () => void listings++;
      const changing = {
        ...source,
        fetch: (...[entry, dir]: Parameters<typeof source.fetch>) => {
          source.files.set(path, pictureText(text));
          return source.fetch(entry, dir);
        },
      };
      const failed = ingest({ ...ports, openSource: () => Promise.resolve(changing) });
      await expect(failed).rejects.toMatchObject({ type: 'DATASET_CHANGED', nonRetryable: false });
      expect(listings).toBe(1);
      expect((await ingest(ports)).output.images).toBe(7);
    }
  });

  it('opens what lies on this disk where it lies, without a look before', async () => {
    const ports = await setUp(manyPictures({ cat: 3, dog: 3 }));
    const dir = await ports.files.scratch('source');
    const placeOf = ({ path }: Pick<SourceEntry, 'path'>): string => join(dir, path.replace('/', '-'));
    for (const [path, text] of ports.source.files) await writeFile(placeOf({ path }), text);
    const fetch = () => Promise.reject(new Error('fetched'));
    const local: DatasetSource = { ...ports.source, fetch, placeOf };
    const openLocal = { ...ports, openSource: () => Promise.resolve(local) };
    expect((await ingest(openLocal)).output.images).toBe(6);
    expect(await readdir(dir)).toHaveLength(6);
    // What another source has to make first it makes.
    async function* converted(): AsyncGenerator<SourceEntry> {
      for await (const entry of ports.source.list()) yield { ...entry, converted: true };
    }
    const made = { ...ports, openSource: () => Promise.resolve({ ...local, list: converted }) };
    ports.source.files.set('dog/new.png', pictureText('new'));
    await expect(ingest(made)).rejects.toThrow('fetched');
  });
});
