import * as tf from '@tensorflow/tfjs';
import type { BatchNormConstants, Layer } from './conv-bn.ts';
import { convBn } from './conv-bn.ts';
import type { Block } from './module.ts';
import { averageAround } from './ops/average-pool.ts';
import type { Padding } from './ops/conv.ts';
import { maxPool } from './ops/max-pool.ts';

/** One step of a branch of an Inception module. */
export type BranchStep =
  | {
      readonly kind: 'conv';
      readonly channels: number;
      readonly kernelPx: number | readonly [height: number, width: number];
      readonly stride: number;
      readonly padding: Padding;
    }
  | { readonly kind: 'max'; readonly stride: number; readonly padding: Padding }
  | { readonly kind: 'average' }
  /** Two branches again, put together behind each other's channels. */
  | { readonly kind: 'fork'; readonly sides: readonly [left: BranchStep, right: BranchStep] };

/** Convolution with BatchNorm and ReLU of stride 1 that keeps the size of its map. */
export function conv(channels: number, kernelPx: number | readonly [number, number]): BranchStep {
  return { kind: 'conv', channels, kernelPx, stride: 1, padding: 'same' };
}

/** The same without a border, by stride 1 or 2. */
export function validConv(channels: number, kernelPx: number, stride: 1 | 2): BranchStep {
  return { kind: 'conv', channels, kernelPx, stride, padding: 'valid' };
}

/** Mean over 3 × 3. */
export const average: BranchStep = { kind: 'average' };

/** Largest of 3 × 3 by stride 2, without a border. */
export const validMax: BranchStep = { kind: 'max', stride: 2, padding: 'valid' };

export function fork(left: BranchStep, right: BranchStep): BranchStep {
  return { kind: 'fork', sides: [left, right] };
}

export interface BranchesOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly branches: readonly (readonly BranchStep[])[];
  readonly batchNorm: BatchNormConstants;
}

/** Steps one after the other, and the channels that come out. */
interface Sequence extends Layer {
  readonly outChannels: number;
}

/**
 * Szegedy et al. 1409.4842, figure 2: branches over the same input, put together along the channels. Layers are numbered:
 * `<name>/branch1.0` is the first convolution of the second branch, `branch1.2a` and `.2b` the sides of a fork. One branch
 * makes a plain sequence.
 */
export function branches(options: BranchesOptions): Block {
  const { name, inChannels, batchNorm } = options;
  const all = options.branches.map((steps, index) => sequence(`${name}/branch${index}`, steps, inChannels, batchNorm));
  const params = all.flatMap((branch) => branch.params);
  return {
    name,
    params,
    layers: params.filter((spec) => spec.name.endsWith('/kernel')).length,
    outChannels: all.reduce((sum, { outChannels }) => sum + outChannels, 0),
    apply: (x, ctx) => joined(all.map((branch) => branch.apply(x, ctx, name))),
  };
}

function sequence(
  name: string,
  steps: readonly BranchStep[],
  inChannels: number,
  batchNorm: BatchNormConstants,
): Sequence {
  let outChannels = inChannels;
  const layers = steps.map((step, index) => {
    const layer = stepLayer(`${name}.${index}`, step, outChannels, batchNorm);
    outChannels = layer.outChannels;
    return layer;
  });
  return {
    params: layers.flatMap(({ params }) => params),
    outChannels,
    apply: (x, ctx, blockName) => layers.reduce((value, layer) => layer.apply(value, ctx, blockName), x),
  };
}

function stepLayer(name: string, step: BranchStep, inChannels: number, batchNorm: BatchNormConstants): Sequence {
  switch (step.kind) {
    case 'conv': {
      const { channels: outChannels, kernelPx, stride, padding } = step;
      const sizes = { name, inChannels, outChannels, kernelPx, stride, padding };
      return { ...convBn({ ...sizes, activation: 'relu', batchNorm }), outChannels };
    }
    case 'max': {
      const { stride, padding } = step;
      return { params: [], outChannels: inChannels, apply: (x) => maxPool(x, { windowPx: 3, stride, padding }) };
    }
    case 'average':
      return { params: [], outChannels: inChannels, apply: averageAround };
    case 'fork': {
      const sides = step.sides.map((side, index) => stepLayer(`${name}${'ab'[index]}`, side, inChannels, batchNorm));
      return {
        params: sides.flatMap(({ params }) => params),
        outChannels: sides.reduce((sum, side) => sum + side.outChannels, 0),
        apply: (x, ctx, blockName) => joined(sides.map((side) => side.apply(x, ctx, blockName))),
      };
    }
  }
}

function joined(maps: readonly tf.Tensor[]): tf.Tensor {
  const [first] = maps;
  return maps.length === 1 && first ? first : tf.concat([...maps], 3);
}
