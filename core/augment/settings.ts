/** [min, max]. */
export type Range = readonly [number, number];

/** What augmentation is asked for; the contract AugmentConfig is one. Zero and null are off. */
export interface AugmentSettings {
  readonly flipHorizontal: number;
  readonly flipVertical: number;
  readonly crop: { readonly area: Range; readonly aspect: Range } | null;
  readonly zoom: Range | null;
  readonly rotateDegrees: number;
  readonly translate: number;
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  readonly blur: { readonly probability: number; readonly sigmaPx: Range } | null;
  readonly noise: { readonly probability: number; readonly standardDeviation: number } | null;
  readonly erase: { readonly probability: number; readonly area: Range; readonly aspect: Range } | null;
  readonly mixup: MixSettings | null;
  readonly cutmix: MixSettings | null;
  /** Detection: the part of the picture hangs on where its objects are (core/detection/augment.ts). */
  readonly boxCrop?: BoxCropSettings | undefined;
}

/** research/object_detection `core/preprocessor.py` ssd_random_crop. */
export interface BoxCropSettings {
  /** One is drawn: the share of some object that the part must show. */
  readonly minCovered: readonly number[];
  /** Share of the images that stay whole. */
  readonly keep: number;
  readonly area: Range;
  readonly aspect: Range;
  /** An object of which less is left inside is gone. */
  readonly minKept: number;
}

export interface MixSettings {
  readonly probability: number;
  readonly alpha: number;
}

/** Which operations a configuration needs: the same for every batch, so that what is off costs nothing. */
export interface AugmentParts {
  /** Flips, crop, zoom, rotation and translation: one transform. */
  readonly geometry: boolean;
  /** Brightness, contrast, saturation and hue: one matrix. */
  readonly color: boolean;
  /** Pixels on each side of the blur's kernel; 0 for no blur. */
  readonly blurRadiusPx: number;
  readonly noise: boolean;
  readonly erase: boolean;
  readonly mixup: boolean;
  readonly cutmix: boolean;
}

export function augmentParts(config: AugmentSettings): AugmentParts {
  const { crop, zoom, blur } = config;
  const amounts = [config.flipHorizontal, config.flipVertical, config.rotateDegrees, config.translate];
  const colors = [config.brightness, config.contrast, config.saturation, config.hue];
  return {
    geometry: crop !== null || zoom !== null || config.boxCrop !== undefined || amounts.some((amount) => amount > 0),
    color: colors.some((amount) => amount > 0),
    blurRadiusPx: happens(blur) ? blurRadiusPx(blur.sigmaPx[1]) : 0,
    noise: happens(config.noise),
    erase: happens(config.erase),
    mixup: happens(config.mixup),
    cutmix: happens(config.cutmix),
  };
}

/** Whether anything is changed at all. */
export function isAugmenting(config: AugmentSettings): boolean {
  return Object.values(augmentParts(config)).some((part) => part !== false && part !== 0);
}

/** A Gaussian is cut at three standard deviations: 0.3 % of it lies beyond. */
export function blurRadiusPx(sigmaPx: number): number {
  return Math.max(1, Math.ceil(3 * sigmaPx));
}

function happens<T extends { readonly probability: number }>(part: T | null): part is T {
  return part !== null && part.probability > 0;
}
