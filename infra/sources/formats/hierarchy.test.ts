import { cpSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf, openSource, shownEntry } from '../../../test/lib/read-source.ts';
import type { SourceTask } from '../../ports/dataset-source.ts';

/** What Open Images says of a class holds for the classes above it, and what is absent for those below. */
const golden = fileURLToPath(new URL('../../../test/golden/sources/open-images', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'graft-hierarchy-'));
const tree = {
  LabelName: '/m/0bl9f',
  Subcategory: [
    { LabelName: '/m/01g317' },
    { LabelName: '/m/07yv9', Subcategory: [{ LabelName: '/m/0k4j' }, { LabelName: '/m/0199g' }] },
  ],
};

beforeAll(() => {
  cpSync(golden, root, { recursive: true });
  const names = '/m/01g317,Person\n/m/0199g,Bicycle\n/m/0k4j,Car\n/m/07yv9,Vehicle\n';
  writeFileSync(join(root, 'class-descriptions-boxable.csv'), names);
  writeFileSync(join(root, 'bbox_labels_600_hierarchy.json'), JSON.stringify(tree));
});
afterAll(() => rmSync(root, { recursive: true }));

async function read(task: SourceTask, hierarchy: 'ignore' | 'expand') {
  const source = await openSource(root, 'open-images', { task, hierarchy });
  return (await entriesOf(source)).map((entry) => shownEntry(entry, { width: 80, height: 60 }));
}

describe('the hierarchy of Open Images', () => {
  it('copies each box to all classes above its own, flags and all', async () => {
    const [first] = await read('detection', 'expand');
    const bicycle = { xMin: 0, yMin: 0, xMax: 80, yMax: 30, groupOf: true, truncated: true };
    expect(first).toMatchObject({
      boxes: [{ label: 'Person' }, { label: 'Bicycle', ...bicycle }, { label: 'Vehicle', ...bicycle }],
    });
    const [plain] = await read('detection', 'ignore');
    expect(plain).toMatchObject({ boxes: [{ label: 'Person' }, { label: 'Bicycle' }] });
  });

  it('adds the classes above to labels, and the kinds of what is absent', async () => {
    const rows = 'ImageID,Source,LabelName,Confidence\ntrain0,v,/m/01g317,1\ntrain0,v,/m/07yv9,0\ntrain1,v,/m/0k4j,1\n';
    writeFileSync(join(root, 'train-annotations-human-imagelabels-boxable.csv'), rows);
    const [first, second] = await read('classification', 'expand');
    expect(first).toMatchObject({ label: 'Person', negatives: ['Vehicle', 'Car', 'Bicycle'] });
    // The one label is the one that was given.
    expect(second).toMatchObject({ label: 'Car', labels: ['Car', 'Vehicle'] });
  });

  it('is asked for in vain where the format has none, or the file is not there', async () => {
    const voc = join(golden, '../voc');
    await expect(openSource(voc, 'auto', { hierarchy: 'expand' })).rejects.toThrow(
      /^DATASET_HIERARCHY: .* — voc, which has none — open-images — leave dataset\.hierarchy out/,
    );
    unlinkSync(join(root, 'bbox_labels_600_hierarchy.json'));
    await expect(read('detection', 'expand')).rejects.toThrow(/^DATASET_HIERARCHY: .*bbox_labels_600_hierarchy\.json/);
    writeFileSync(join(root, 'bbox_labels_600_hierarchy.json'), '{');
    await expect(read('detection', 'expand')).rejects.toThrow(/^HIERARCHY_FORMAT/);
  });
});
