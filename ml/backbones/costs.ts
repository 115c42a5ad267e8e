import type { BlockCost } from '../../core/backbone-costs.ts';
import { multiplyAdds } from '../engine/multiply-adds.ts';
import type { Program } from '../engine/index.ts';
import { inferenceContext } from '../nn/contexts.ts';
import type { Backbone } from './backbone.ts';
import { countWeights } from './backbone.ts';

/** What each block costs on one picture of the backbone's own size. Needs native TensorFlow; computes nothing. */
export function blockCostsOf(backbone: Backbone): BlockCost[] {
  const { blocks, cutPoints, defaultSizePx } = backbone;
  let inShape = [1, defaultSizePx, defaultSizePx, 3];
  return blocks.map((block, index) => {
    const state = new Map(block.params.map(({ name, shape }) => [name, shape]));
    let outShape: number[] = [];
    const program: Program = {
      inputs: { x: { shape: inShape, dtype: 'float32' } },
      run({ x }, state) {
        if (x === undefined) throw new Error('no input');
        const y = block.apply(
          x,
          inferenceContext((name) => state.get(name)),
        );
        outShape = [...y.shape];
        return { y };
      },
    };
    const cost = multiplyAdds(program, state);
    inShape = outShape;
    const { name, stridePx = 1, channels = 0 } = cutPoints[index] ?? {};
    return { name: name ?? block.name, weights: countWeights(block.params), multiplyAdds: cost, stridePx, channels };
  });
}
