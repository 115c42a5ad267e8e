import { describe, expect, it } from 'vitest';
import { diffItems } from './diff.ts';
import { advise } from '../advice/advise.ts';
import { firstPipeline } from './first-pipeline.ts';
import { DatasetLook } from './dataset-look.ts';
import { DataChecksConfig } from '../../contracts/data-checks-config.ts';
import { parsePipeline } from '../../infra/pipeline-file/load.ts';

const item = (path: string, sha256: string, label = 'cat') => ({ path, sha256, label });

describe('diffItems', () => {
  it('puts every picture in one list', () => {
    const before = [item('a', '1'), item('b', '2'), item('c', '3'), item('d', '4'), item('e', '5')];
    const after = [item('a', '1'), item('b', '9'), item('c', '3', 'dog'), item('d2', '4'), item('f', '6', 'dog')];
    expect(diffItems(before, after)).toEqual({
      same: 1,
      added: ['f'],
      removed: ['e'],
      moved: ['d2'],
      changed: ['b'],
      relabelled: ['c'],
      classes: [
        { label: 'cat', before: 5, after: 3 },
        { label: 'dog', before: 0, after: 2 },
      ],
    });
    expect(diffItems(before, before)).toMatchObject({ same: 5, added: [], removed: [], classes: [] });
  });
});

describe('firstPipeline', () => {
  it('is a pipeline file, whatever the data and their names are', () => {
    const look = new DatasetLook({
      context: { target: { heightPx: 32, widthPx: 32 }, resize: 'stretch', quarantined: 1, grouped: false },
      checks: DataChecksConfig.parse({}),
      testShare: 0.2,
    });
    for (let i = 0; i < 9; i++) {
      const label = i % 2 ? '" ]}\n- x: [' : '# cat: {';
      const file = { path: `${label}/${i}`, label, sha256: `${i >> 1}`, sizeBytes: 9, width: 90, height: 30 };
      look.add({ ...file, channels: 1, format: 'png' });
    }
    const { report } = look.finish();
    const source = 'a "folder": {#}';
    const facts = { images: 9, classes: 2, backbone: 'efficientnet-lite0', pretrained: true, probe: null } as const;
    const rest = { gray: true, augmenting: false, batchSize: 32 };
    const textFor = (images: number): string =>
      firstPipeline({
        ...{ name: 'pets', source, task: 'classification', look: report },
        advice: advise({ ...facts, ...rest, images }),
      });
    const text = textFor(9);
    const parsed = parsePipeline(Buffer.from(text), 'graft.yaml', []);
    expect(parsed.ok && parsed.value.config).toMatchObject({
      name: 'pets',
      dataset: { source: expect.stringContaining(source) },
      image: { resize: 'pad', color: 'gray' },
      model: { strategy: 'linear-probe' },
    });
    for (const images of [10_000, 100_000]) {
      const other = parsePipeline(Buffer.from(textFor(images)), 'graft.yaml', []);
      expect(other.ok && other.value.config).toMatchObject({
        model: { strategy: images === 10_000 ? 'last-n' : 'full' },
        train: { epochs: 10, backboneRate: 0.1 },
      });
    }
  });
});
