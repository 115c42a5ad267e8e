import { unreachable } from '../../core/errors.ts';
import type { Backbone, BackboneId } from './backbone.ts';
import { tinyCnn } from './tiny-cnn.ts';

/** The architecture of a backbone; its parameters start from `initialize` or `loadBackboneWeights`. */
export function createBackbone(id: BackboneId): Backbone {
  switch (id) {
    case 'tiny-cnn':
      return tinyCnn();
    case 'mobilenet-v2':
    case 'efficientnet-lite0':
      throw new Error(`${id} is being built`);
    default:
      return unreachable(id);
  }
}
