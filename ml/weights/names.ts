/** How a tensor's dimensions are reordered on the way from a file. */
export type Transposition =
  /** [out, in, h, w] → [h, w, in, out]. */
  | 'convolution'
  /** [channels, 1, h, w] → [h, w, channels, 1]. */
  | 'depthwise'
  /** [out, in] → [in, out]. */
  | 'linear'
  /** A 1×1 convolution that is a dense layer here: [out, in, 1, 1] → [in, out]. */
  | 'pointwise'
  /** The same in Keras's layout: [1, 1, in, out] → [in, out]. */
  | 'squeeze'
  | 'none';

/** One tensor of a file and the parameter it becomes; null for what the backbone has no place for (a published classifier). */
export interface TensorName {
  readonly file: string;
  readonly param: string | null;
  readonly transposition: Transposition;
}
