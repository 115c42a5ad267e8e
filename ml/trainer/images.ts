import * as tf from '@tensorflow/tfjs';
import { stream } from '../../core/rng.ts';
import { preprocess } from '../nn/preprocessing.ts';
import type { Preprocessing } from '../nn/preprocessing.ts';

/**
 * Pixels [batch, height, width, channels] as float32 0–255 → the network's input [batch, height, width, 3]: gray is
 * repeated over three channels, then the backbone's own normalization.
 */
export function imageBatch(pixels: tf.Tensor, preprocessing: Preprocessing): tf.Tensor {
  return tf.tidy(() => preprocess(preprocessing, pixels.shape[3] === 1 ? tf.tile(pixels, [1, 1, 1, 3]) : pixels));
}

/** Mirrors rows left to right in place, each with `probability`, drawn at (seed, epoch, row index). */
export function flipRows(
  bytes: Uint8Array,
  indexes: readonly number[],
  shape: readonly number[],
  draw: { readonly probability: number; readonly seed: number; readonly epoch: number },
): void {
  if (draw.probability === 0) return;
  const [height = 1, width = 1, channels = 1] = shape;
  const random = stream(draw.seed, 'augment/flip-horizontal');
  const rowBytes = height * width * channels;
  for (const [i, index] of indexes.entries()) {
    if (random.uniform(draw.epoch, index) >= draw.probability) continue;
    for (let y = 0; y < height; y++) {
      const start = i * rowBytes + y * width * channels;
      mirrorLine(bytes.subarray(start, start + width * channels), width, channels);
    }
  }
}

function mirrorLine(line: Uint8Array, width: number, channels: number): void {
  const copy = line.slice();
  for (let x = 0; x < width; x++) {
    const from = (width - 1 - x) * channels;
    line.set(copy.subarray(from, from + channels), x * channels);
  }
}
