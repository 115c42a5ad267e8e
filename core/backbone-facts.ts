import type { KeptAspect, Resizing } from './dataset/framing.ts';

/** The networks that graft has, by the name that `model.backbone` takes. */
export const backboneNames = [
  'efficientnet-b0',
  'efficientnet-lite0',
  'inception-v2',
  'inception-v3',
  'inception-v4',
  'mobilenet-v1',
  'mobilenet-v1-0.75',
  'mobilenet-v1-0.5',
  'mobilenet-v1-0.25',
  'mobilenet-v2',
  'mobilenet-v2-keras',
  'mobilenet-v3-large',
  'mobilenet-v3-small',
  'resnet50',
  'resnet50-v1.5',
  'squeezenet-1.1',
  'vgg16',
  'tiny-cnn',
] as const;
export type BackboneName = (typeof backboneNames)[number];

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
  'efficientnet-b0': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 18,
    hasImagenet: false,
  },
  'efficientnet-lite0': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus127-over128',
    blocks: 18,
    hasImagenet: true,
  },
  'inception-v2': { defaultSizePx: 224, minSizePx: 32, normalization: 'minus1-to-1', blocks: 12, hasImagenet: false },
  'inception-v3': { defaultSizePx: 299, minSizePx: 75, normalization: 'minus1-to-1', blocks: 13, hasImagenet: false },
  'inception-v4': { defaultSizePx: 299, minSizePx: 75, normalization: 'minus1-to-1', blocks: 20, hasImagenet: false },
  'mobilenet-v1': { defaultSizePx: 224, minSizePx: 32, normalization: 'minus1-to-1', blocks: 14, hasImagenet: false },
  'mobilenet-v1-0.75': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 14,
    hasImagenet: false,
  },
  'mobilenet-v1-0.5': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 14,
    hasImagenet: false,
  },
  'mobilenet-v1-0.25': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 14,
    hasImagenet: false,
  },
  'mobilenet-v2': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 19,
    hasImagenet: true,
  },
  'mobilenet-v2-keras': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 19,
    hasImagenet: false,
  },
  'mobilenet-v3-large': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 17,
    hasImagenet: false,
  },
  'mobilenet-v3-small': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'minus1-to-1',
    blocks: 13,
    hasImagenet: false,
  },
  resnet50: { defaultSizePx: 224, minSizePx: 32, normalization: 'bgr-minus-mean', blocks: 17, hasImagenet: false },
  'resnet50-v1.5': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 17,
    hasImagenet: true,
  },
  'squeezenet-1.1': {
    defaultSizePx: 224,
    minSizePx: 32,
    normalization: 'imagenet-mean-std',
    blocks: 9,
    hasImagenet: true,
  },
  vgg16: { defaultSizePx: 224, minSizePx: 32, normalization: 'bgr-minus-mean', blocks: 5, hasImagenet: false },
  'tiny-cnn': { defaultSizePx: 32, minSizePx: 16, normalization: 'minus1-to-1', blocks: 4, hasImagenet: false },
} as const satisfies Record<BackboneName, BackboneFacts>;

export type MobilenetV1Id = 'mobilenet-v1' | 'mobilenet-v1-0.75' | 'mobilenet-v1-0.5' | 'mobilenet-v1-0.25';

/** What `image` says of how pictures are rendered. */
interface ImageSettings {
  readonly size?: readonly [number, number] | undefined;
  readonly resize: Resizing;
  readonly keepAspect?: KeptAspect | undefined;
  readonly color: 'rgb' | 'gray';
}

/**
 * How pictures are rendered for a backbone: the configured size, or the backbone's own; with `keep-aspect` a square that
 * holds every picture, whichever way it lies.
 */
export function inputImage(
  { size, resize, keepAspect, color }: ImageSettings,
  backbone: BackboneName,
): { heightPx: number; widthPx: number; channels: 1 | 3; resize: Resizing; keepAspect?: KeptAspect } {
  const kept = resize === 'keep-aspect' ? keepAspect : undefined;
  const sidePx = kept?.maxPx ?? backboneFacts[backbone].defaultSizePx;
  const [heightPx, widthPx] = size ?? [sidePx, sidePx];
  const channels = color === 'gray' ? 1 : 3;
  return { heightPx, widthPx, channels, resize, ...(kept === undefined ? {} : { keepAspect: kept }) };
}
