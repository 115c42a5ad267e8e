import { describe, expect, it } from 'vitest';
import { detectorPresets } from '../core/detection/presets.ts';
import { AugmentConfig } from './augment-config.ts';
import { DetectorConfig } from './detector-config.ts';
import { TrainConfig } from './train-config.ts';

describe('presets', () => {
  it.each(Object.entries(detectorPresets))('%s says nothing that graft.yaml does not know', (preset, keys) => {
    const { kind, detector, train } = keys;
    expect(DetectorConfig.parse({ kind, preset, ...detector })).toMatchObject({ kind, preset, ...detector });
    expect(TrainConfig.parse(train)).toMatchObject(train);
    const { flipHorizontal } = keys.augment;
    expect(AugmentConfig.parse({ flipHorizontal })).toMatchObject({ flipHorizontal });
  });

  it('refuses a key of the other kind', () => {
    const wrong = { kind: 'ssd', preset: 'ssd_mobilenet_v1', firstStage: {} };
    expect(DetectorConfig.safeParse(wrong).success).toBe(false);
    expect(DetectorConfig.safeParse({ kind: 'ssd', preset: 'faster_rcnn_resnet50' }).success).toBe(false);
  });
});
