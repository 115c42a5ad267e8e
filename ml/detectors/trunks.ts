import type { MobilenetV1Id } from '../../core/backbone-facts.ts';
import type { Backbone, BackboneId } from '../backbones/backbone.ts';
import { mobilenetV1 } from '../backbones/mobilenet-v1.ts';
import { resnet50, resnet50V15 } from '../backbones/resnet50.ts';

/**
 * A backbone as detectors take it: MobileNetV1 pads as SLIM does, so that a map of an odd side has the half of it rounded
 * up, as anchors are laid out (300 pixels: 150, 75, 38, 19, 10). Weights of Keras fit: on even sides the two are the same.
 * Pixels are normalized as the given backbone's are, which may be by figures of one's own.
 */
export function detectorTrunk(backbone: Backbone): Backbone {
  const { id, preprocessing } = backbone;
  return isMobilenetV1(id) ? { ...mobilenetV1(id, 'same'), preprocessing } : backbone;
}

const isMobilenetV1 = (id: BackboneId): id is MobilenetV1Id => id.startsWith('mobilenet-v1');

/** As Faster R-CNN takes it: ResNet’s last stage runs on small crops, and does not halve them again. */
export function fasterRcnnTrunk(backbone: Backbone): Backbone {
  const { id, preprocessing } = backbone;
  if (id === 'resnet50') return { ...resnet50(1), preprocessing };
  return id === 'resnet50-v1.5' ? { ...resnet50V15(1), preprocessing } : detectorTrunk(backbone);
}
