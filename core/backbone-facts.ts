/** What must be known of a backbone before TensorFlow is loaded: sizes for planning, normalization for checking. */
export interface BackboneFacts {
  /** Side of the square input it was trained with, in pixels. */
  readonly defaultSizePx: number;
  readonly minSizePx: number;
  /** Name of the input range it wants; `image.normalization` must equal it (training.md §3). */
  readonly normalization: 'minus127-over128' | 'imagenet-mean-std' | 'minus1-to-1' | 'bgr-minus-mean';
  /** How many blocks it has, stem and top included: what `model.lastN` counts. */
  readonly blocks: number;
  /** Whether there are published weights that graft can fetch and read under the name `imagenet`. */
  readonly hasImagenet: boolean;
}

export const backboneFacts = {
  'efficientnet-lite0': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus127-over128',
    blocks: 18,
    hasImagenet: true,
  },
  'mobilenet-v2': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 19,
    hasImagenet: true,
  },
  'resnet50-v1.5': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 17,
    hasImagenet: true,
  },
  // Keras's weights are HDF5, which has no reader here.
  resnet50: { defaultSizePx: 224, minSizePx: 32, normalization: 'bgr-minus-mean', blocks: 17, hasImagenet: false },
  'tiny-cnn': { defaultSizePx: 32, minSizePx: 16, normalization: 'minus1-to-1', blocks: 4, hasImagenet: false },
} as const satisfies Record<string, BackboneFacts>;

export type BackboneName = keyof typeof backboneFacts;

/** How pictures are rendered for a backbone: the configured size, or the backbone's own. */
export function inputImage(
  image: {
    readonly size?: readonly [number, number] | undefined;
    readonly resize: 'stretch' | 'pad' | 'crop';
    readonly color: 'rgb' | 'gray';
  },
  backbone: BackboneName,
): { heightPx: number; widthPx: number; channels: 1 | 3; resize: 'stretch' | 'pad' | 'crop' } {
  const { defaultSizePx } = backboneFacts[backbone];
  const [heightPx, widthPx] = image.size ?? [defaultSizePx, defaultSizePx];
  return { heightPx, widthPx, channels: image.color === 'gray' ? 1 : 3, resize: image.resize };
}
