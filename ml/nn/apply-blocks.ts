import * as tf from '@tensorflow/tfjs';
import type { ApplyContext, Block, ParamSpec } from './module.ts';

/**
 * Runs blocks [from, to) on `x` (float32 [batch, height, width, channels], or what block `from` takes). `from` = `to`
 * gives `x` back as a new tensor. Each block is tidied on its own, so in inference only one block's intermediates are
 * alive; `x` stays the caller's.
 */
export function applyBlocks(
  blocks: readonly Block[],
  from: number,
  to: number,
  x: tf.Tensor,
  ctx: ApplyContext,
): tf.Tensor {
  if (!(from >= 0 && from <= to && to <= blocks.length)) throw new Error(`blocks ${from}…${to} of ${blocks.length}`);
  let value = x.clone();
  for (const block of blocks.slice(from, to)) {
    const input = value;
    value = tf.tidy(() => block.apply(input, ctx));
    if (value !== input) input.dispose();
  }
  return value;
}

/** All parameters of blocks [from, to), in order. */
export function paramsOf(blocks: readonly Block[], from = 0, to = blocks.length): ParamSpec[] {
  return blocks.slice(from, to).flatMap((block) => block.params);
}

/** Whether BatchNorm in this block takes the statistics of the batch (and reports moving ones). */
export function usesBatchStatistics(ctx: ApplyContext, blockName: string): boolean {
  return ctx.training && !ctx.isFrozen(blockName);
}
