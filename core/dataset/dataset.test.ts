import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PARTITION_ITEMS, endsPartition } from './chunks.ts';
import { datasetFindings } from './findings.ts';
import { groupRule, identityLine } from './items.ts';
import { extensionOf, isContainedPath, isHiddenName, isItemName, labelProblem } from './names.ts';
import { compareText, sortedClasses } from './order.ts';
import { isOverLimit, quarantineError } from './quarantine.ts';
import { rowsPerShard } from './shards.ts';
import { StatisticsCollector } from './statistics.ts';
import type { MeasuredItem } from './statistics.ts';

describe('compareText', () => {
  it('is the order of UTF-8 bytes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\u{ffff}', '\u{e000}', '\u{1f600}'), maxLength: 6 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
    expect(compareText('\u{1f600}', '\uff5e')).toBeGreaterThan(0);
  });

  it('sorts classes without repeats', () => {
    expect(sortedClasses(['b', 'a', 'b', 'B'])).toEqual(['B', 'a', 'b']);
  });
});

describe('names', () => {
  it.each([
    ['x'.repeat(10_000), 'LABEL_SIZE'],
    [' ', 'LABEL_SIZE'],
    ['a\nb', 'LABEL_TEXT'],
    ['__proto__', 'LABEL_TEXT'],
    ['<script>', null],
    ['=cmd()', null],
    ['constructor', null],
  ])('judges the label %j', (label, code) => {
    expect(labelProblem(label, 'labels.csv')?.code ?? null).toBe(code);
  });

  it.each(['../a', 'a/../../b', '/etc/passwd', 'a\\b', 'C:/a', '', 'a//b', './a', 'a\0'])('refuses path %j', (path) => {
    expect(isContainedPath(path)).toBe(false);
  });

  it('accepts ordinary paths', () => {
    for (const path of ['a.jpg', 'cats/a b/..c.jpg', 'ä/ö.png']) expect(isContainedPath(path)).toBe(true);
  });

  it('knows hidden files, sidecars and items', () => {
    expect([extensionOf('a/b.JPG'), extensionOf('a.b/c'), extensionOf('.hidden')]).toEqual(['jpg', '', '']);
    expect(isHiddenName('.DS_Store') && isHiddenName('Thumbs.db')).toBe(true);
    expect(['a.jpg', 'a.svg', 'a', 'a.jpg_', 'a.txt', '.a.jpg', 'a.xml'].map(isItemName)).toEqual([
      ...[true, true, true, true],
      ...[false, false, false],
    ]);
  });
});

describe('groupRule', () => {
  it('takes the first group of the expression', () => {
    const rule = groupRule('^[^/]+/(p[0-9]+)_');
    expect(rule.ok && [rule.value('cat/p12_3.jpg'), rule.value('cat/x.jpg')]).toEqual(['p12', undefined]);
  });

  it.each(['(', 'p[0-9]+', '(?:a)'])('refuses %j', (pattern) => {
    const rule = groupRule(pattern);
    expect(!rule.ok && rule.error.code).toBe('DATASET_GROUP');
  });
});

const item = (path: string, more: Partial<MeasuredItem> = {}): MeasuredItem => ({
  path,
  label: path.split('/')[0] ?? '',
  sha256: path,
  sizeBytes: 10,
  width: 100,
  height: 100,
  channels: 3,
  format: 'jpeg',
  ...more,
});

describe('statistics and findings', () => {
  const findings = (items: readonly MeasuredItem[], quarantined = 0, grouped = false) => {
    const target = { heightPx: 96, widthPx: 96 };
    const collector = new StatisticsCollector(target);
    for (const each of items) collector.add(each);
    return datasetFindings(collector.finish(), { target, resize: 'stretch', quarantined, grouped });
  };
  const many = (label: string, count: number) => Array.from({ length: count }, (_, i) => item(`${label}/${i}.jpg`));

  it('finds nothing in a plain data set', () => {
    expect(findings([...many('a', 30), ...many('b', 30)])).toEqual([]);
  });

  it('names each thing worth a word', () => {
    const codes = findings(
      [
        ...many('a', 200),
        ...many('b', 5),
        item('a/copy.jpg', { sha256: 'a/0.jpg' }),
        item('b/conflict.jpg', { sha256: 'a/1.jpg' }),
        item('a/gray.png', { channels: 1 }),
        item('a/alpha.png', { channels: 4, width: 10 }),
      ],
      3,
      true,
    ).map(({ code }) => code);
    expect(codes).toEqual([
      'QUARANTINED',
      'LABEL_CONFLICT',
      'DUPLICATES',
      'CLASS_TINY',
      'CLASS_IMBALANCE',
      'GROUP_UNMATCHED',
      'IMAGE_SMALL',
      'IMAGE_CHANNELS',
      'IMAGE_ALPHA',
    ]);
  });

  it('counts surplus copies and conflicting contents apart', () => {
    const collector = new StatisticsCollector({ heightPx: 96, widthPx: 96 });
    for (const path of ['a/1', 'a/2', 'a/3']) collector.add(item(path, { sha256: 'same' }));
    for (const path of ['a/4', 'b/4']) collector.add(item(path, { sha256: 'both' }));
    const { copies, conflicts, examplesOfConflicts } = collector.finish();
    expect({ copies, conflicts }).toEqual({ copies: 2, conflicts: 1 });
    expect(examplesOfConflicts).toEqual([{ sha256: 'both', labels: ['a', 'b'], paths: ['a/4', 'b/4'] }]);
  });

  it('holds a class named constructor', () => {
    const collector = new StatisticsCollector({ heightPx: 96, widthPx: 96 });
    collector.add(item('constructor/1'));
    expect(collector.finish().perClass).toEqual({ constructor: 1 });
  });
});

describe('partitions and shards', () => {
  it('ends partitions by the path, so that growth leaves others alone', () => {
    const paths = Array.from({ length: 100_000 }, (_, i) => `class/${i}.png`);
    const ends = paths.filter((path) => endsPartition(path, 1));
    expect(ends.length).toBeGreaterThan(20);
    expect(ends.length).toBeLessThan(100);
    expect(endsPartition('class/0.png', MAX_PARTITION_ITEMS)).toBe(true);
  });

  it('bounds shards by rows and by bytes', () => {
    const rows = (heightPx: number, widthPx: number, channels = 3) => rowsPerShard({ heightPx, widthPx, channels });
    expect([rows(96, 96), rows(224, 224), rows(2048, 2048, 1), rows(9000, 9000)]).toEqual([512, 445, 16, 1]);
  });
});

describe('quarantine', () => {
  const counts = (usable: number, quarantined: number) => ({ usable, quarantined, maxShare: 0.05 });

  it('is over the limit above it, not at it', () => {
    const over = [isOverLimit(counts(95, 5)), isOverLimit(counts(94, 6)), isOverLimit(counts(0, 0))];
    expect(over).toEqual([false, true, false]);
  });

  it('totals the kinds and shows the first', () => {
    const bad = Array.from({ length: 9 }, (_, i) => ({ path: `${i}.png`, code: i < 2 ? 'A' : 'B', reason: 'why' }));
    expect(quarantineError('set', counts(1, 9), bad).message).toBe(
      "DATASET_QUARANTINE: set — 9 of 10 files can't be used: 7 × B, 2 × A; first 0.png (A: why), 1.png (A: why), " +
        '2.png (B: why) — at most 5 % — mend or remove them, or raise dataset.maxQuarantined',
    );
  });
});

describe('identityLine', () => {
  it('tells items apart, and their groups', () => {
    const plain = identityLine({ path: 'a/1', label: 'a', sha256: 'x' });
    expect(plain).toBe('["a/1","a","x"]\n');
    expect(identityLine({ path: 'a/1', label: 'a', sha256: 'x', group: 'g' })).not.toBe(plain);
  });
});
