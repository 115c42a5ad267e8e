import type { AugmentSettings } from './settings.ts';

/** For tests: everything off. */
export const NOTHING: AugmentSettings = {
  flipHorizontal: 0,
  flipVertical: 0,
  crop: null,
  zoom: null,
  rotateDegrees: 0,
  translate: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  blur: null,
  noise: null,
  erase: null,
  mixup: null,
  cutmix: null,
};

/** For tests: everything on. */
export const EVERYTHING: AugmentSettings = {
  flipHorizontal: 0.5,
  flipVertical: 0.3,
  crop: { area: [0.4, 1], aspect: [0.75, 1.33] },
  zoom: [0.8, 1.25],
  rotateDegrees: 15,
  translate: 0.1,
  brightness: 0.2,
  contrast: 0.3,
  saturation: 0.4,
  hue: 0.1,
  blur: { probability: 0.5, sigmaPx: [0.3, 2] },
  noise: { probability: 0.6, standardDeviation: 8 },
  erase: { probability: 0.6, area: [0.02, 0.2], aspect: [0.3, 3.3] },
  mixup: { probability: 0.5, alpha: 0.4 },
  cutmix: { probability: 0.5, alpha: 1 },
};
