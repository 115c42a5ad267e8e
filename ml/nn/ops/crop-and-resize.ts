import * as tf from '@tensorflow/tfjs';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';
import { isRank4 } from './padding.ts';

export interface CropOptions {
  /** Boxes [count, 4] in shares of the map: ymin, xmin, ymax, xmax. The first row’s centre is 0, the last one’s 1. */
  readonly boxes: tf.Tensor;
  /** int32 [count]: which map of the batch a box lies on. */
  readonly images: tf.Tensor;
  readonly heightPx: number;
  readonly widthPx: number;
}

/**
 * Bilinear samples of x [batch, height, width, channels] on a regular grid within each box: [count, heightPx, widthPx,
 * channels] (tf.image.crop_and_resize; what lies beyond the map is 0). Gradients go to x alone: where a box lies is fixed.
 */
export function cropAndResize(x: tf.Tensor, { boxes, images, heightPx, widthPx }: CropOptions): tf.Tensor {
  if (!isRank4(x)) throw new Error(`crops of [${x.shape.join(', ')}]`);
  if (!isNative()) return plainCropAndResize(x, { boxes, images, heightPx, widthPx });
  return tf.engine().runKernel(CROP, { x, boxes, images }, { heightPx, widthPx });
}

const CROP = 'GraftCropAndResize';
const BILINEAR = { strings: { method: 'bilinear' } };

// tfjs has no gradient of it; TensorFlow’s own is a kernel of its own.
tf.registerKernel({
  kernelName: CROP,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs, attrs }) => {
    const { x, boxes, images } = inputs;
    if (!x || !boxes || !images) throw new Error(`${CROP} takes x, boxes and images`);
    const size = tf.tensor1d([Number(attrs?.['heightPx']), Number(attrs?.['widthPx'])], 'int32');
    return runNativeOne('CropAndResize', [x, boxes, images, size], { ...BILINEAR, floats: { extrapolation_value: 0 } });
  },
});

tf.registerGradient({
  kernelName: CROP,
  inputsToSave: ['x', 'boxes', 'images'],
  gradFunc: (dy, saved) => {
    const [x, boxes, images] = saved;
    if (!x || !boxes || !images || Array.isArray(dy)) throw new Error(`${CROP}: saved tensors`);
    const { shape } = x;
    return {
      x: () => runNativeOne('CropAndResizeGradImage', [dy, boxes, images, tf.tensor1d(shape, 'int32')], BILINEAR),
      boxes: () => tf.zeros(boxes.shape),
      images: () => tf.zeros(images.shape),
    };
  },
});

/** The formula: row weights · map · column weights. For other backends, and the reference of the tests. */
export function plainCropAndResize(x: tf.Tensor, { boxes, images, heightPx, widthPx }: CropOptions): tf.Tensor {
  return tf.tidy(() => {
    const [batch = 1, height = 1, width = 1, channels = 1] = x.shape;
    const count = boxes.shape[0] ?? 0;
    const [top, left, bottom, right] = tf.unstack(boxes, 1);
    if (!top || !left || !bottom || !right) throw new Error('boxes have four numbers');
    const owner = tf.cast(tf.oneHot(tf.cast(images, 'int32').as1D(), batch), 'float32').as2D(count, batch);
    const own = tf.matMul(owner, x.as2D(batch, height * width * channels));
    const rows = tf.matMul(weights(top, bottom, heightPx, height), own.as3D(count, height, width * channels));
    const lines = tf.transpose(rows.as4D(count, heightPx, width, channels), [0, 2, 1, 3]);
    const columns = weights(left, right, widthPx, width);
    const crops = tf.matMul(columns, lines.as3D(count, width, heightPx * channels));
    return tf.transpose(crops.as4D(count, widthPx, heightPx, channels), [0, 2, 1, 3]);
  });
}

/** [count, samples, side]: how much of each cell a sample takes; none beyond the map. */
function weights(from: tf.Tensor, to: tf.Tensor, samples: number, side: number): tf.Tensor3D {
  const count = from.size;
  const at = tf.linspace(0, 1, samples).as2D(1, samples);
  const [start, end] = [from.as2D(count, 1), to.as2D(count, 1)];
  const shares = samples === 1 ? start.add(end).mul(0.5) : start.add(end.sub(start).mul(at));
  const places = shares.mul(side - 1).as3D(count, samples, 1);
  const inside = tf.cast(tf.logicalAnd(tf.greaterEqual(places, 0), tf.lessEqual(places, side - 1)), 'float32');
  const distance = tf.abs(places.sub(tf.range(0, side).as3D(1, 1, side)));
  return tf.relu(tf.sub(1, distance)).mul(inside).as3D(count, samples, side);
}
