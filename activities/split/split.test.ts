import { afterEach, describe, expect, it } from 'vitest';
import { DatasetConfig, ImageConfig, SplitConfig } from '../../contracts/pipeline-config.ts';
import type { Side } from '../../contracts/manifests.ts';
import type { SplitResult } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeDataPorts, manyPictures } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { hashOf } from '../../test/fakes/stage-fixtures.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { readLines } from '../lib/json-lines.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import { createValidateActivities } from '../validate/validate.ts';
import { Assignment } from './assignments.ts';
import { createSplitActivities } from './split.ts';

const open: FakeDataPorts[] = [];
afterEach(async () => {
  for (const ports of open.splice(0)) await ports.remove();
});

async function setUp(...[files, before]: Parameters<typeof createFakeDataPorts>): Promise<FakeDataPorts> {
  const ports = await createFakeDataPorts(files, before);
  open.push(ports);
  return ports;
}

/** Ingests what the source has now, and splits it. */
async function split(ports: FakeDataPorts, rules: Partial<SplitConfig> = {}): Promise<SplitResult> {
  const datasetManifestKey = await ingested(ports, rules);
  const config = SplitConfig.parse(rules);
  return createSplitActivities(ports).splitDataset({ datasetManifestKey, datasetName: 'pets', split: config });
}

async function ingested(ports: FakeDataPorts, rules: Partial<SplitConfig> = {}): Promise<string> {
  const dataset = DatasetConfig.parse({ source: 'memory', split: rules });
  const input = { dataset, datasetName: 'pets', runId: asRunId('pets-1') };
  return (await createIngestActivities(ports).ingestDataset(input)).output.manifestKey;
}

async function sidesOf(ports: FakeDataPorts, { output }: SplitResult): Promise<Map<string, Side>> {
  const sides = new Map<string, Side>();
  const lines = readLines(ports.store, output.assignments, Assignment, new AbortController().signal);
  for await (const { unit, side } of lines) sides.set(unit, side);
  return sides;
}

describe('splitDataset', () => {
  it('puts every picture on a side, by the shares', async () => {
    const ports = await setUp(manyPictures({ cat: 50, dog: 30 }));
    const result = await split(ports);
    expect(result.output.counts).toEqual({ train: 56, validation: 8, test: 16 });
    expect(result.output.perClass['cat']).toEqual({ train: 35, validation: 5, test: 10 });
    expect(result).toMatchObject({ cached: false, output: { parent: null, classes: ['cat', 'dog'] } });
    expect((await sidesOf(ports, result)).size).toBe(80);
    expect(await split(ports)).toEqual({ ...result, cached: true });
  });

  it('keeps every side as the data set grows', async () => {
    const ports = await setUp(manyPictures({ cat: 40, dog: 40 }));
    const first = await split(ports);
    for (const [path, text] of Object.entries(manyPictures({ cat: 15, dog: 7, eel: 9 }, 'new'))) {
      ports.source.files.set(path, text);
    }
    ports.source.files.delete('cat/3.png');
    const grown = await split(ports);
    expect(grown.output.parent).toBe(first.key);
    expect(grown.output.counts.train + grown.output.counts.validation + grown.output.counts.test).toBe(110);
    const [before, after] = [await sidesOf(ports, first), await sidesOf(ports, grown)];
    for (const [unit, side] of before) expect(after.get(unit)).toBe(side);
    expect(after.size).toBe(111);
  });

  it('finds the split of an earlier version of the data again', async () => {
    const ports = await setUp(manyPictures({ cat: 20, dog: 20 }));
    const first = await split(ports);
    ports.source.files.set('cat/new.png', '1x1x3 new');
    await split(ports);
    ports.source.files.delete('cat/new.png');
    expect(await split(ports)).toEqual({ ...first, cached: true });
  });

  it('starts a lineage of its own for other rules', async () => {
    const ports = await setUp(manyPictures({ cat: 20, dog: 20 }));
    const first = await split(ports);
    const other = await split(ports, { seed: 2 });
    expect(other.output.parent).toBeNull();
    expect(other.output.assignments.sha256).not.toBe(first.output.assignments.sha256);
  });

  it('keeps the sides of whoever splits at the same time', async () => {
    let rival: Promise<SplitResult> | undefined;
    const ports: FakeDataPorts = await setUp(manyPictures({ cat: 20, dog: 20 }), async (call, key) => {
      // While this one computes, another run splits a grown data set and moves the lineage first.
      if (rival !== undefined || call !== 'putIfAbsent' || !key.startsWith('stages/split/')) return;
      const grown = { ...ports, calls: [] };
      ports.source.files.set('dog/new.png', '1x1x3 new');
      rival = split(grown);
      await rival;
    });
    const mine = await split(ports);
    const theirs = await rival!;
    expect(mine.output.parent).toBe(theirs.key);
    const [a, b] = [await sidesOf(ports, mine), await sidesOf(ports, theirs)];
    expect(a).toEqual(b);
  });

  it('never deals sides anew when the split before is gone', async () => {
    const ports = await setUp(manyPictures({ cat: 20, dog: 20 }));
    const first = await split(ports);
    ports.source.files.set('cat/new.png', '1x1x3 new');
    await ports.store.delete(first.manifestKey);
    await expect(split(ports)).rejects.toMatchObject({ type: 'SPLIT_LINEAGE', nonRetryable: true });
  });

  it('keeps groups and copies together', async () => {
    const files = manyPictures({
      'cat/p1': 8,
      'cat/p2': 8,
      'cat/p3': 8,
      'cat/p4': 8,
      'dog/p5': 8,
      'dog/p6': 8,
      'dog/p7': 8,
    });
    const ports = await setUp(files);
    const result = await split(ports, { groupBy: '/(p[0-9])/' });
    expect([...(await sidesOf(ports, result)).keys()]).toEqual(['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7']);
  });

  it('refuses a class that is too small, and says which', async () => {
    const ports = await setUp(manyPictures({ cat: 30, dog: 2 }));
    const failed = split(ports);
    await expect(failed).rejects.toMatchObject({ type: 'DATASET_SPLIT', nonRetryable: true });
    await expect(failed).rejects.toThrow('"dog" (2 distinct; none for ');
    expect(ports.store.keys().some((key) => key.includes('/splits/'))).toBe(false);
  });

  it('asks for an ingest where the data set is gone', async () => {
    const ports = await setUp({});
    const input = {
      datasetManifestKey: 'datasets/pets/x/manifest.json',
      datasetName: 'pets',
      split: SplitConfig.parse({}),
    };
    const failed = createSplitActivities(ports).splitDataset(input);
    await expect(failed).rejects.toMatchObject({ type: 'DATASET_GONE', nonRetryable: false });
  });

  it('leaves out what validation left out, and keeps on one side what it found alike', async () => {
    const files = manyPictures({ cat: 30, dog: 30 });
    for (let i = 0; i < 12; i++) files[`cat/like ${i}.png`] = `1x1x3 alike ${i % 4} number${i}`;
    files['dog/like.png'] = '1x1x3 alike 1 under another label';
    const ports = await setUp(files);
    const rules = SplitConfig.parse({});
    const datasetManifestKey = await ingested(ports);
    const judged = (checks: object) =>
      createValidateActivities(ports).validateDataset({
        ...{ datasetManifestKey, quarantined: 0, backbone: 'tiny-cnn', image: ImageConfig.parse({}) },
        dataset: DatasetConfig.parse({ source: 'memory', checks }),
      });
    const splitBy = async (checks: object) => {
      const { manifestKey: validateManifestKey } = await judged(checks);
      const input = { datasetManifestKey, datasetName: 'pets', split: rules, validateManifestKey };
      return createSplitActivities(ports).splitDataset(input);
    };
    const result = await splitBy({});
    const sides = await sidesOf(ports, result);
    for (let kind = 0; kind < 4; kind++) {
      const names = [0, 4, 8].map((i) => hashOf(files[`cat/like ${kind + i}.png`]!));
      expect(new Set(names.map((name) => sides.get(name))).size).toBe(1);
    }
    const { output } = await splitBy({ labelConflicts: 'fix' });
    const total = ({ train, validation, test }: SplitResult['output']['counts']) => train + validation + test;
    expect([total(result.output.counts), total(output.counts)]).toEqual([73, 69]);
    const sidesWanted: Side[] = ['train', 'validation', 'test'];
    const prepared = await createPrepareActivities(ports).prepareImages({
      ...{ datasetManifestKey, sides: sidesWanted },
      splitManifestKey: `stages/split/${(await splitBy({ labelConflicts: 'fix' })).key}/manifest.json`,
      image: { heightPx: 8, widthPx: 8, channels: 1, resize: 'stretch' },
    });
    expect(prepared.output.rows).toEqual(output.counts);
  });

  it('deals folds once for all runs of a k-fold, and each picture validates once', async () => {
    const ports = await setUp(manyPictures({ cat: 40, dog: 40 }));
    const runs = [];
    for (const index of [0, 1, 2]) runs.push(await split(ports, { folds: { count: 3, index } }));
    const sides = await Promise.all(runs.map((run) => sidesOf(ports, run)));
    for (const unit of sides[0]!.keys()) {
      const each = sides.map((side) => side.get(unit)).sort();
      expect([
        ['test', 'test', 'test'],
        ['train', 'train', 'validation'],
      ]).toContainEqual(each);
    }
    expect(await split(ports, { folds: { count: 3, index: 1 } })).toEqual({ ...runs[1], cached: true });
  });
});
