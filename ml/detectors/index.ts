import type { DetectorConfig } from '../../contracts/detector-config.ts';
import { unreachable } from '../../core/errors.ts';
import type { Backbone } from '../backbones/backbone.ts';
import type { Detector } from './detector.ts';
import { fasterRcnnDetector } from './faster-rcnn-detector.ts';
import { ssdDetector } from './ssd-detector.ts';
import type { DetectorShape } from './ssd-detector.ts';
import { detectorTrunk } from './trunks.ts';

/** The detector that `model.detector` describes, on this backbone, for images of this size. */
export function createDetector(backbone: Backbone, config: DetectorConfig, shape: DetectorShape): Detector {
  switch (config.kind) {
    case 'ssd':
      return ssdDetector(detectorTrunk(backbone), config, shape);
    case 'faster-rcnn':
      return fasterRcnnDetector(backbone, config, shape);
    default:
      return unreachable(config);
  }
}
