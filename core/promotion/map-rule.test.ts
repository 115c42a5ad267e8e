import { describe, expect, it } from 'vitest';
import { GateConfig } from '../../contracts/gate-config.ts';
import { judge } from './gate.ts';
import type { ChampionState } from './gate.ts';
import type { MapComparison } from './map-rule.ts';

const rules = (change: object = {}) =>
  GateConfig.parse({ noWorseThanChampion: { mAP50: 0 }, betterThanChampion: { metric: 'mAP50' }, ...change });
const challenger = (mAP50: number) => ({
  scores: { accuracy: 0.5, mAP: mAP50 / 2, mAP50 },
  classes: ['cat'],
  cost: { sizeBytes: 1e6, latencyMs: null },
});
/** 20 objects of one class: how many each detector found. */
function champion(mAP50: number, maps: Partial<MapComparison>, found = { ours: 15, theirs: 15 }): ChampionState {
  const given = (count: number) => Int32Array.from({ length: 20 }, (_, object) => (object < count ? 0 : -1));
  const same = { value: 0, low: 0, high: 0 };
  return {
    ...{ kind: 'scored', version: 3, scores: { mAP: mAP50 / 2, mAP50 } },
    test: {
      answers: {
        classes: 1,
        labels: new Int32Array(20),
        challenger: given(found.ours),
        champion: given(found.theirs),
      },
      ...{ paths: [], maps: { images: 12, mAP: same, mAP50: same, ...maps } },
    },
  };
}
const passedOf = (decision: ReturnType<typeof judge>) =>
  Object.fromEntries(decision.rules.map(({ rule, passed }) => [rule, passed]));

describe('a gate on mAP', () => {
  it('has floors for it, and an absent figure reaches none', () => {
    const floors = rules({ minimum: { mAP50: 0.8 } });
    expect(judge(challenger(0.81), { kind: 'none' }, floors).decision).toBe('promote');
    expect(judge(challenger(0.79), { kind: 'none' }, floors).decision).toBe('refuse');
  });

  it('promotes what the images say is better, and nothing that may be chance', () => {
    const better = judge(challenger(0.7), champion(0.6, { mAP50: { value: 0.1, low: 0.02, high: 0.18 } }), rules());
    expect([better.decision, passedOf(better)]).toEqual([
      'promote',
      { 'noWorseThanChampion.mAP50': true, 'betterThanChampion.mAP50': true, noClassWorse: true },
    ]);
    const chance = judge(challenger(0.62), champion(0.6, { mAP50: { value: 0.02, low: -0.03, high: 0.07 } }), rules());
    expect(chance.decision).toBe('refuse');
    expect(passedOf(chance)['betterThanChampion.mAP50']).toBe(false);
  });

  it('looks at the figure that is asked for', () => {
    const maps = { mAP: { value: 0.1, low: 0.05, high: 0.15 }, mAP50: { value: -0.1, low: -0.2, high: 0 } };
    const decision = judge(challenger(0.6), champion(0.6, maps), rules({ betterThanChampion: { metric: 'mAP' } }));
    expect(passedOf(decision)['betterThanChampion.mAP']).toBe(true);
  });

  it('refuses where a class is found much less often, object by object', () => {
    const maps = { mAP50: { value: 0.1, low: 0.02, high: 0.18 } };
    const decision = judge(challenger(0.7), champion(0.6, maps, { ours: 5, theirs: 18 }), rules());
    expect(passedOf(decision)).toMatchObject({ noClassWorse: false });
  });
});
