import { describe, expect, it } from 'vitest';
import { BackboneId, Strategy } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { prefixBlocks } from '../../core/training/frozen-prefix.ts';
import { buildModel } from './model.ts';

describe('the frozen prefix', () => {
  it.each(BackboneId.options)('of %s is as long for who plans without TensorFlow', (backbone) => {
    for (const strategy of Strategy.options) {
      for (let lastN = 1; lastN <= backboneFacts[backbone].blocks; lastN++) {
        for (const dropout of [0, 0.2]) {
          const { prefix } = buildModel({ backbone, strategy, classes: ['a', 'b'], dropout }, lastN);
          expect([strategy, lastN, prefixBlocks({ backbone, strategy, lastN })]).toEqual([strategy, lastN, prefix]);
        }
      }
    }
  });
});
