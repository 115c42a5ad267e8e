import { unreachable } from '../../core/errors.ts';
import type { Backbone, BackboneId } from './backbone.ts';
import { efficientnetB0 } from './efficientnet-b0.ts';
import { efficientnetLite0 } from './efficientnet-lite0.ts';
import { inceptionV2 } from './inception-v2.ts';
import { inceptionV3 } from './inception-v3.ts';
import { inceptionV4 } from './inception-v4.ts';
import { mobilenetV1 } from './mobilenet-v1.ts';
import { mobilenetV2, mobilenetV2Keras } from './mobilenet-v2.ts';
import { mobilenetV3Large, mobilenetV3Small } from './mobilenet-v3.ts';
import { resnet50, resnet50V15 } from './resnet50.ts';
import { squeezenet11 } from './squeezenet.ts';
import { tinyCnn } from './tiny-cnn.ts';
import { vgg16 } from './vgg16.ts';

/** The architecture of a backbone; its parameters start from `initialize` or `loadBackboneWeights`. */
export function createBackbone(id: BackboneId): Backbone {
  switch (id) {
    case 'efficientnet-b0':
      return efficientnetB0();
    case 'efficientnet-lite0':
      return efficientnetLite0();
    case 'inception-v2':
      return inceptionV2();
    case 'inception-v3':
      return inceptionV3();
    case 'inception-v4':
      return inceptionV4();
    case 'mobilenet-v1':
    case 'mobilenet-v1-0.75':
    case 'mobilenet-v1-0.5':
    case 'mobilenet-v1-0.25':
      return mobilenetV1(id);
    case 'mobilenet-v2':
      return mobilenetV2();
    case 'mobilenet-v2-keras':
      return mobilenetV2Keras();
    case 'mobilenet-v3-large':
      return mobilenetV3Large();
    case 'mobilenet-v3-small':
      return mobilenetV3Small();
    case 'resnet50':
      return resnet50();
    case 'resnet50-v1.5':
      return resnet50V15();
    case 'squeezenet-1.1':
      return squeezenet11();
    case 'tiny-cnn':
      return tinyCnn();
    case 'vgg16':
      return vgg16();
    default:
      return unreachable(id);
  }
}
