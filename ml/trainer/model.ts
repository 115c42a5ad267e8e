import { createBackbone } from '../backbones/index.ts';
import type { Backbone, BackboneId } from '../backbones/backbone.ts';
import type { Strategy } from '../../core/training/frozen-prefix.ts';
import type { HeadLayer } from '../../core/training/model-description.ts';
import { inputError } from '../../core/errors.ts';
import { classificationHead } from '../nn/head.ts';
import type { Block, ParamSpec } from '../nn/module.ts';
import { normalizedBy } from '../nn/preprocessing.ts';

export interface ModelShape {
  readonly backbone: BackboneId;
  readonly strategy: Strategy;
  readonly classes: readonly string[];
  readonly dropout: number;
  /** The cut point behind which the backbone ends; its own end where absent. */
  readonly cut?: string | undefined;
  readonly head?: readonly HeadLayer[] | undefined;
  readonly firstKernels?: 'average' | undefined;
  /** The backbone's own where absent, or any of the names that stand for a backbone's. */
  readonly normalization?: string | undefined;
}

/** A backbone with its head, cut where learning begins. */
export interface Model {
  readonly backbone: Backbone;
  readonly blocks: readonly Block[];
  /** Blocks before it are frozen: their BatchNorm keeps its stored statistics. */
  readonly cut: number;
  /** Blocks before it have nothing to learn and draw nothing: their output is computed once per image. At least `cut`. */
  readonly prefix: number;
  readonly trainable: readonly ParamSpec[];
  /** BatchNorm statistics that training moves. */
  readonly statistics: readonly ParamSpec[];
  readonly all: readonly ParamSpec[];
}

/** Which blocks learn: none of the backbone's (`head`), its last `lastN` (`last-n`), or all (`gradual`, `full`, `scratch`). */
export function buildModel(shape: ModelShape, lastN: number): Model {
  const own = normalizedBy(createBackbone(shape.backbone), shape.normalization ?? '');
  const backbone = averaging(endedAt(own, shape.cut), shape);
  const head = classificationHead({
    channels: backbone.featureChannels,
    classes: shape.classes.length,
    dropout: shape.dropout,
    layers: shape.head,
  });
  const blocks = [...backbone.blocks, ...head];
  const cut = cutOf(shape, lastN, backbone);
  const learning = blocks.slice(cut).flatMap((block) => block.params);
  return {
    backbone,
    blocks,
    cut,
    prefix: prefixEnd(blocks, cut),
    trainable: learning.filter((spec) => spec.kind === 'weight'),
    statistics: learning.filter((spec) => spec.kind === 'statistic'),
    all: blocks.flatMap((block) => block.params),
  };
}

/** The backbone up to a cut point: what follows is not there. */
function endedAt(backbone: Backbone, cut: string | undefined): Backbone {
  if (cut === undefined) return backbone;
  const index = backbone.cutPoints.findIndex(({ name }) => name === cut);
  const point = backbone.cutPoints[index];
  if (!point) {
    const names = backbone.cutPoints.map(({ name }) => name).join(', ');
    throw inputError('CONFIG_VALUE', 'model.cut', cut, `a cut point of ${backbone.id}: ${names}`, 'correct it');
  }
  return {
    ...backbone,
    blocks: backbone.blocks.slice(0, point.afterBlock + 1),
    cutPoints: backbone.cutPoints.slice(0, index + 1),
    featureChannels: point.channels,
  };
}

/** Gray is repeated over three channels: a third of each makes the sum of the kernels their average. */
function averaging(backbone: Backbone, { firstKernels }: ModelShape): Backbone {
  if (firstKernels === undefined) return backbone;
  const { scale, shift } = backbone.preprocessing;
  const third = ([r, g, b]: readonly [number, number, number]): [number, number, number] => [r / 3, g / 3, b / 3];
  return { ...backbone, preprocessing: { ...backbone.preprocessing, scale: third(scale), shift: third(shift) } };
}

export function cutOf(shape: Pick<ModelShape, 'strategy'>, lastN: number, backbone: Backbone): number {
  switch (shape.strategy) {
    case 'head':
    case 'linear-probe':
    case 'svm':
      return backbone.blocks.length;
    case 'last-n':
      if (lastN > backbone.blocks.length) {
        throw inputError(
          'CONFIG_VALUE',
          'model.lastN',
          String(lastN),
          `at most ${backbone.blocks.length}, the blocks of ${backbone.id}`,
          'lower it, or use strategy full',
        );
      }
      return backbone.blocks.length - lastN;
    case 'gradual':
    case 'full':
    case 'scratch':
      return 0;
  }
}

/** Goes on past the cut through pooling, which has no parameters, but not into dropout, which draws anew every step. */
function prefixEnd(blocks: readonly Block[], cut: number): number {
  let end = cut;
  while (end > 0 && end < blocks.length && isPooling(blocks[end])) end++;
  return end;
}

function isPooling(block: Block | undefined): boolean {
  return block !== undefined && block.params.length === 0 && block.name.endsWith('/pool');
}
