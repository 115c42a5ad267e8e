import type { DetectorConfig } from '../../contracts/detector-config.ts';
import { inputError, unreachable } from '../../core/errors.ts';
import type { Backbone } from '../backbones/backbone.ts';
import type { Detector } from './detector.ts';
import { ssdDetector } from './ssd-detector.ts';
import type { DetectorShape } from './ssd-detector.ts';

/** The detector that `model.detector` describes, on this backbone, for images of this size. */
export function createDetector(backbone: Backbone, config: DetectorConfig, shape: DetectorShape): Detector {
  switch (config.kind) {
    case 'ssd':
      return ssdDetector(backbone, config, shape);
    case 'faster-rcnn':
      throw inputError('CONFIG_VALUE', 'model.detector.kind', config.kind, 'ssd', 'choose another preset');
    default:
      return unreachable(config);
  }
}
