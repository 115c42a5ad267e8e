import * as tf from '@tensorflow/tfjs';
import { augmentParts } from '../../core/augment/settings.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { blur } from './blur.ts';
import { boxMask, input, perImage } from './inputs.ts';
import type { AugmentTensors } from './inputs.ts';
import { noise } from './noise.ts';
import { projectiveTransform } from './projective-transform.ts';

/** Erased pixels are mid-grey: near the mean of most pictures, so that they say least. */
export const ERASED = 127.5;

/**
 * Images float32 [n, height, width, 1 or 3] in 0–255 as the configuration changes them, of the same shape and range:
 * geometry, blur, colour, noise, erase, then mixup or cutmix. `inputs` are tensors of what `augmentationInputs` drew
 * (core/augment/inputs.ts). Only what is on is computed; with nothing on the outcome is the images.
 *
 * Reads no values and draws nothing, so it may be recorded into a graph. No gradient flows through it. On other backends
 * than native TensorFlow the noise is another, as reproducible, and its seeds are read (noise.ts).
 */
export function augmentImages(config: AugmentSettings, images: tf.Tensor4D, inputs: AugmentTensors): tf.Tensor4D {
  const parts = augmentParts(config);
  return tf.tidy(() => {
    let x = images.clone();
    if (parts.geometry) x = projectiveTransform(x, input(inputs, 'transform'));
    if (parts.blurRadiusPx > 0) x = blur(x, input(inputs, 'blurTaps'));
    if (parts.color) x = recolor(x, input(inputs, 'colorMatrix'), input(inputs, 'colorOffset'));
    if (parts.noise) x = tf.add(x, noise(x.shape, input(inputs, 'noiseSeed'), input(inputs, 'noiseLevel')));
    if (parts.blurRadiusPx > 0 || parts.color || parts.noise) x = tf.clipByValue(x, 0, 255);
    if (parts.erase) x = erase(x, input(inputs, 'eraseBox'));
    if (!parts.mixup && !parts.cutmix) return x;
    const partner = nextOfBatch(x);
    if (parts.cutmix) x = choose(boxMask(input(inputs, 'cutmixBox'), x.shape), partner, x);
    if (parts.mixup) x = blend(x, partner, perImage(input(inputs, 'mixupShare'), 4));
    return x;
  });
}

/** Targets float32 [n, classes], mixed as the images were; as they are where neither mixup nor cutmix is on. */
export function mixTargets(config: AugmentSettings, targets: tf.Tensor2D, inputs: AugmentTensors): tf.Tensor2D {
  const { mixup, cutmix } = augmentParts(config);
  return tf.tidy(() => {
    if (!mixup && !cutmix) return targets.clone();
    return blend(targets, nextOfBatch(targets), perImage(input(inputs, 'targetShare'), 2));
  });
}

/** matrix · rgb + offset for every pixel. Of a grey image: the sum of a row, which all rows share. */
function recolor(x: tf.Tensor4D, matrix: tf.Tensor, offset: tf.Tensor): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  if (channels === 1) {
    const gain = tf.sum(tf.slice(matrix, [0, 0, 0], [n, 1, 3]), [1, 2]);
    return tf.add(tf.mul(x, perImage(gain, 4)), perImage(offset, 4));
  }
  if (channels !== 3) throw new Error(`colours of images with ${channels} channels: 1 or 3`);
  const pixels = tf.reshape(x, [n, height * width, 3]);
  const turned = tf.matMul(pixels, tf.reshape(matrix, [n, 3, 3]), false, true);
  return tf.reshape(tf.add(turned, perImage(offset, 3)), [n, height, width, 3]);
}

function erase(x: tf.Tensor4D, box: tf.Tensor): tf.Tensor4D {
  const erased = boxMask(box, x.shape);
  return tf.add(tf.mul(x, tf.sub(1, erased)), tf.mul(erased, ERASED));
}

/** Row i + 1 in place of row i, and the first for the last. */
function nextOfBatch<T extends tf.Tensor>(x: T): T {
  const n = x.shape[0] ?? 1;
  const rest = x.shape.slice(1).map(() => 0);
  if (n === 1) return x;
  return tf.concat<T>(
    [
      tf.slice<tf.Rank, T>(x, [1, ...rest], [n - 1, ...x.shape.slice(1)]),
      tf.slice<tf.Rank, T>(x, [0, ...rest], [1, ...x.shape.slice(1)]),
    ],
    0,
  );
}

/** a where the mask is 1, b where it is 0: exactly. */
function choose(mask: tf.Tensor, a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  return tf.add(tf.mul(a, mask), tf.mul(b, tf.sub(1, mask)));
}

/** share · own + (1 − share) · other. A share of 1 leaves `own` exactly as it is. */
function blend<T extends tf.Tensor>(own: T, other: T, share: tf.Tensor): T {
  return tf.add(tf.mul(own, share), tf.mul(other, tf.sub(1, share)));
}
