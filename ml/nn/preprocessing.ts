import * as tf from '@tensorflow/tfjs';
import type { GraftError } from '../../core/errors.ts';
import { inputError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';
import { err, ok } from '../../core/result.ts';
import { isMeasuredName, measuredFigures } from '../../core/training/measured-normalization.ts';
import type { MeasuredName } from '../../core/training/measured-normalization.ts';

/**
 * What a network wants done to pixels: y = x · scale + shift for each of R, G, B, with x in 0–255, then the channels in
 * its order. It belongs to the weights, is applied in the graph, and is recorded as `id` with everything made from it.
 */
export interface Preprocessing {
  readonly kind: 'scale-shift';
  readonly id: PreprocessingId;
  readonly scale: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
  /** The order in which the network takes its channels; `scale` and `shift` are for R, G, B either way. */
  readonly channelOrder: 'rgb' | 'bgr';
}

export type PreprocessingId =
  'minus127-over128' | 'imagenet-mean-std' | 'minus1-to-1' | 'bgr-minus-mean' | MeasuredName;

/** EfficientNet-Lite in TensorFlow: (x − 127)/128 (tensorflow/tpu efficientnet/lite/efficientnet_lite_builder.py). */
export const minus127Over128: Preprocessing = scaleShift('minus127-over128', [127, 127, 127], [128, 128, 128]);

/** torchvision: 0–1, then mean .485/.456/.406 and standard deviation .229/.224/.225 of ImageNet. */
export const imagenetMeanStd: Preprocessing = scaleShift(
  'imagenet-mean-std',
  [0.485 * 255, 0.456 * 255, 0.406 * 255],
  [0.229 * 255, 0.224 * 255, 0.225 * 255],
);

/** x/127.5 − 1. */
export const minus1To1: Preprocessing = scaleShift('minus1-to-1', [127.5, 127.5, 127.5], [127.5, 127.5, 127.5]);

/** Caffe, and Keras's VGG and ResNet (imagenet_utils.py, mode caffe): B, G, R, less the means of ImageNet, not scaled. */
export const bgrMinusMean: Preprocessing = {
  ...scaleShift('bgr-minus-mean', [123.68, 116.779, 103.939], [1, 1, 1]),
  channelOrder: 'bgr',
};

type Rgb = readonly [number, number, number];

function scaleShift(id: PreprocessingId, mean: Rgb, divisor: Rgb): Preprocessing {
  return {
    kind: 'scale-shift',
    id,
    scale: [1 / divisor[0], 1 / divisor[1], 1 / divisor[2]],
    shift: [-mean[0] / divisor[0], -mean[1] / divisor[1], -mean[2] / divisor[2]],
    channelOrder: 'rgb',
  };
}

/** The backbone with the normalization that `name` holds figures of; as it is where that is none of measured figures. */
export function normalizedBy<T extends { readonly preprocessing: Preprocessing }>(backbone: T, name: string): T {
  const figures = measuredFigures(name);
  if (figures === null || !isMeasuredName(name)) return backbone;
  const { channelOrder } = backbone.preprocessing;
  return { ...backbone, preprocessing: { ...scaleShift(name, figures.mean, figures.deviation), channelOrder } };
}

/** float32 RGB 0–255 [batch, height, width, 3] → what the network takes, same shape. */
export function preprocess(preprocessing: Preprocessing, x: tf.Tensor): tf.Tensor {
  const { scale, shift, channelOrder } = preprocessing;
  return tf.tidy(() => {
    const y = tf.add(tf.mul(x, tf.tensor1d([...scale])), tf.tensor1d([...shift]));
    return channelOrder === 'bgr' ? tf.reverse(y, -1) : y;
  });
}

/** NORMALIZATION_MISMATCH where data or weights were made for another normalization than the backbone's. */
export function checkPreprocessing(
  backbone: { readonly id: string; readonly preprocessing: Preprocessing },
  seen: string,
  where: string,
): Result<void, GraftError> {
  const expected = backbone.preprocessing.id;
  if (seen === expected) return ok(undefined);
  const remedy = 'set image.normalization to auto, or choose the backbone that these pixels were prepared for';
  return err(inputError('NORMALIZATION_MISMATCH', where, seen, `${expected}, which ${backbone.id} takes`, remedy));
}
