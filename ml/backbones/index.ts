import { unreachable } from '../../core/errors.ts';
import type { Backbone, BackboneId } from './backbone.ts';
import { efficientnetLite0 } from './efficientnet-lite0.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { resnet50, resnet50V15 } from './resnet50.ts';
import { tinyCnn } from './tiny-cnn.ts';

/** The architecture of a backbone; its parameters start from `initialize` or `loadBackboneWeights`. */
export function createBackbone(id: BackboneId): Backbone {
  switch (id) {
    case 'tiny-cnn':
      return tinyCnn();
    case 'mobilenet-v2':
      return mobilenetV2();
    case 'efficientnet-lite0':
      return efficientnetLite0();
    case 'resnet50-v1.5':
      return resnet50V15();
    case 'resnet50':
      return resnet50();
    default:
      return unreachable(id);
  }
}
