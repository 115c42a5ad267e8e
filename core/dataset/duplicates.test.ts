import { describe, expect, it } from 'vitest';
import type { CheckName, CheckPolicy, Checks } from './checks.ts';
import { failedCheck } from './checks.ts';
import { judgeDuplicates } from './duplicates.ts';
import type { ComparedItem } from './duplicates.ts';

const names: readonly CheckName[] = [
  ...(['labelConflicts', 'copies', 'nearDuplicates', 'leaks', 'classes'] as const),
  ...(['boxes', 'pictures', 'testSize', 'drift'] as const),
];
const checks = (given: Partial<Record<CheckName, CheckPolicy>> = {}): Checks => {
  const [a, b, c, d, e, f, g, h, i] = names.map((name) => given[name] ?? 'warn');
  return { labelConflicts: a!, copies: b!, nearDuplicates: c!, leaks: d!, classes: e!, boxes: f!, pictures: g!, testSize: h!, drift: i! }; // prettier-ignore
};
const item = (path: string, side: string, sha256 = path, label = 'cat', pixels = 100): ComparedItem => ({
  ...{ path, label, sha256, unit: sha256, side, pixels },
});
const near = (a: number, b: number) => ({ a, b, correlation: 0.995, mirrored: 'horizontal' as const });

describe('copies on two given sides', () => {
  const items = [
    item('train/1', 'train', 'x'),
    item('test/1', 'test', 'x'),
    item('train/2', 'train'),
    item('test/2', 'test'),
    item('train/3', 'train'),
  ];

  it('are a leak, the same file as much as a picture that looks the same', () => {
    const { report, findings, dropped } = judgeDuplicates(items, [near(2, 3)], checks());
    expect(report).toMatchObject({ pairs: 1, leaks: 2, examplesOfLeaks: [{ a: 'train/2', b: 'test/2' }] });
    expect(findings.map(({ level, code }) => [level, code])).toContainEqual(['warning', 'DATASET_LEAK']);
    expect(dropped).toEqual([]);
  });

  it('end the run, or are taken out of training, as the policy says', () => {
    const failing = checks({ leaks: 'fail' });
    const { findings } = judgeDuplicates(items, [near(2, 3)], failing);
    expect(failedCheck(findings, failing, 'pets')).toMatchObject({
      ...{ code: 'DATASET_CHECK', kind: 'input', parts: { seen: expect.stringContaining('DATASET_LEAK') } },
    });
    const { dropped } = judgeDuplicates(items, [near(2, 3)], checks({ leaks: 'fix' }));
    expect(dropped.map(({ path, code }) => [path, code])).toEqual([
      ['train/1', 'DATASET_LEAK'],
      ['train/2', 'DATASET_LEAK'],
    ]);
  });

  it('are none on one side', () => {
    const { report, findings } = judgeDuplicates(items, [near(2, 4)], checks());
    expect(report.leaks).toBe(1);
    expect(findings.find(({ code }) => code === 'DATASET_LEAK')?.message).toContain('train/1, test/1');
  });
});

describe('one picture under two labels', () => {
  it('is said, and left out by fix, all of it', () => {
    const items = [item('a', 'train', 'a', 'cat'), item('b', 'train', 'b', 'dog'), item('c', 'train')];
    expect(judgeDuplicates(items, [near(0, 1)], checks()).findings.map(({ code }) => code)).toContain('NEAR_CONFLICT');
    const { dropped } = judgeDuplicates(items, [near(0, 1)], checks({ labelConflicts: 'fix' }));
    expect(dropped.map(({ path }) => path)).toEqual(['a', 'b']);
  });
});
