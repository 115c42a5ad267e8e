import type * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';

/**
 * Where a window may reach beyond the picture.
 * `same`: TensorFlow's rule, as much as ⌈side/stride⌉ windows need, the odd pixel below and right.
 * `symmetric`: ⌊window/2⌋ on every side, as in PyTorch.
 * `valid`: nowhere.
 * `after`: one pixel below and right, whatever the side (Keras's MobileNet: ZeroPadding2D(((0, 1), (0, 1)))).
 * `ceil`: as `valid`, but the last window may begin inside and end beyond (PyTorch's `ceil_mode`).
 */
export type Padding = 'same' | 'symmetric' | 'valid' | 'after' | 'ceil';

/** Pixels before and after, along one side. */
type Edges = readonly [before: number, after: number];

function edgesOf(padding: Padding, sidePx: number, windowPx: number, stride: number): Edges {
  switch (padding) {
    case 'same': {
      const total = Math.max(0, (Math.ceil(sidePx / stride) - 1) * stride + windowPx - sidePx);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    }
    case 'symmetric':
      return [Math.floor(windowPx / 2), Math.floor(windowPx / 2)];
    case 'valid':
      return [0, 0];
    case 'after':
      return [0, 1];
    case 'ceil':
      return [0, (stride - ((sidePx - windowPx) % stride)) % stride];
  }
}

/** Pixels above, below, left and right that a window of these sides reaches beyond a picture. */
export function edgesAround(
  padding: Padding,
  [heightPx, widthPx]: readonly [number, number],
  [windowHeight, windowWidth]: readonly [number, number],
  stride: number,
): readonly [number, number, number, number] {
  return [...edgesOf(padding, heightPx, windowHeight, stride), ...edgesOf(padding, widthPx, windowWidth, stride)];
}

/** How TensorFlow is told: `pads` are above, below, left, right, and zero but for EXPLICIT. */
export interface NativePadding {
  readonly mode: 'SAME' | 'VALID' | 'EXPLICIT';
  readonly pads: readonly [number, number, number, number];
}

/** SAME wherever it comes to the same pixels: TensorFlow's kernels for it are the faster and the better tested ones. */
export function nativePadding(
  padding: Padding,
  sides: readonly [number, number],
  window: readonly [number, number],
  stride: number,
): NativePadding {
  const [pads, same] = [edgesAround(padding, sides, window, stride), edgesAround('same', sides, window, stride)];
  if (pads.every((pixels, index) => pixels === same[index])) return { mode: 'SAME', pads: [0, 0, 0, 0] };
  return { mode: pads.every((pixels) => pixels === 0) ? 'VALID' : 'EXPLICIT', pads };
}

/** The same for tfjs's own operations. */
export function tfjsPadding({
  mode,
  pads,
}: NativePadding): 'same' | 'valid' | [[number, number], [number, number], [number, number], [number, number]] {
  const [top, bottom, left, right] = pads;
  if (mode === 'EXPLICIT') return [[0, 0], [top, bottom], [left, right], [0, 0]]; // prettier-ignore
  return mode === 'SAME' ? 'same' : 'valid';
}

/** Attributes of a convolution or a pooling from those of its kernel here, `mode` and `pads`, and its own sizes. */
export function paddedAttributes(
  attrs: { readonly [name: string]: unknown } | undefined,
  ints: Readonly<Record<string, readonly number[]>>,
): NativeAttributes {
  const [mode, pads] = [String(attrs?.['mode']), attrs?.['pads']];
  const strings = { data_format: 'NHWC', padding: mode };
  if (mode !== 'EXPLICIT' || !Array.isArray(pads)) return { strings, ints };
  return { strings, ints: { ...ints, explicit_paddings: [0, 0, ...pads.map(Number), 0, 0] } };
}

export function isRank4(x: tf.Tensor): x is tf.Tensor4D {
  return x.rank === 4;
}
