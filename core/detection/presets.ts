import type { BackboneName } from '../backbone-facts.ts';

/** Plain data, as it might stand in graft.yaml. */
export type PresetValue =
  string | number | boolean | null | readonly PresetValue[] | { readonly [key: string]: PresetValue };
export type PresetKeys = { readonly [key: string]: PresetValue };

/** What a published configuration says, in the keys of graft.yaml; whatever a person writes goes before it. */
export interface DetectorPreset {
  readonly kind: 'ssd' | 'faster-rcnn';
  readonly backbone: BackboneName;
  /** [height, width] of the input, and how pictures get there. */
  readonly size: readonly [number, number];
  readonly resize: 'stretch' | 'pad';
  /** Keys of `model.detector` that differ from their defaults. */
  readonly detector: PresetKeys;
  /** Keys of `train` and `augment`. */
  readonly train: PresetKeys;
  readonly augment: PresetKeys;
}

/** tensorflow/models research/object_detection/samples/configs, `ssd_*_coco.config` and `_pets.config`. */
const ssdTraining: PresetKeys = {
  batchSize: 24,
  optimizer: {
    kind: 'rmsprop',
    learningRate: 0.004,
    decay: 0.9,
    momentum: 0.9,
    epsilon: 1,
    initialSquare: 1,
  },
  schedule: { kind: 'exponential', decaySteps: 800_720, decayRate: 0.95, staircase: true },
  averageDecay: 0.9999,
};
const ssdAugmentation: PresetKeys = { flipHorizontal: 0.5, boxCrop: {} };
const ssd = { kind: 'ssd', size: [300, 300], resize: 'stretch', train: ssdTraining, augment: ssdAugmentation } as const;

/** `faster_rcnn_*_coco.config`: one picture a step, momentum, gradients clipped, flips only. */
const fasterRcnnTraining = (learningRate: number): PresetKeys => ({
  batchSize: 1,
  optimizer: { kind: 'momentum', learningRate, momentum: 0.9 },
  schedule: { kind: 'step', atSteps: [900_000, 1_200_000], factor: 0.1 },
  clipNorm: 10,
});
const fasterRcnn = {
  kind: 'faster-rcnn',
  size: [600, 1024],
  resize: 'pad',
  augment: { flipHorizontal: 0.5 },
} as const;

const convolutional3 = { predictorKernelPx: 3 } as const;
const minNegatives3 = { loss: { classification: { kind: 'mined', minNegatives: 3 } } } as const;
const mobilenetV2Keys = { ...convolutional3, ...minNegatives3 } as const;

export const detectorPresets = {
  ssd_mobilenet_v1: { ...ssd, backbone: 'mobilenet-v1', detector: {} },
  ssd_mobilenet_v1_pets: { ...ssd, backbone: 'mobilenet-v1', detector: {} },
  ssd_mobilenet_v1_focal_loss_pets: {
    ...ssd,
    backbone: 'mobilenet-v1',
    detector: { loss: { classification: { kind: 'focal', gamma: 2, alpha: 0.25 } } },
  },
  ssd_mobilenet_v2: { ...ssd, backbone: 'mobilenet-v2', detector: mobilenetV2Keys },
  ssdlite_mobilenet_v2: { ...ssd, backbone: 'mobilenet-v2', detector: { ...mobilenetV2Keys, depthwise: true } },
  ssd_inception_v2: { ...ssd, backbone: 'inception-v2', detector: { ...convolutional3, tap: 'mixed4c' } },
  faster_rcnn_resnet50: { ...fasterRcnn, backbone: 'resnet50', detector: {}, train: fasterRcnnTraining(3e-4) },
  faster_rcnn_inception_v2: { ...fasterRcnn, backbone: 'inception-v2', detector: {}, train: fasterRcnnTraining(2e-4) },
} as const satisfies Record<string, DetectorPreset>;

export type DetectorPresetName = keyof typeof detectorPresets;
export type PresetNameOf<K extends DetectorPreset['kind']> = {
  [N in DetectorPresetName]: (typeof detectorPresets)[N]['kind'] extends K ? N : never;
}[DetectorPresetName];

export const ssdPresetNames = [
  'ssd_mobilenet_v1',
  'ssd_mobilenet_v1_pets',
  'ssd_mobilenet_v1_focal_loss_pets',
  'ssd_mobilenet_v2',
  'ssdlite_mobilenet_v2',
  'ssd_inception_v2',
] as const satisfies readonly PresetNameOf<'ssd'>[];

export const fasterRcnnPresetNames = [
  'faster_rcnn_resnet50',
  'faster_rcnn_inception_v2',
] as const satisfies readonly PresetNameOf<'faster-rcnn'>[];

/** The preset of this name; undefined for any other word. */
export function presetNamed(name: unknown): DetectorPreset | undefined {
  return typeof name === 'string' && Object.hasOwn(detectorPresets, name)
    ? detectorPresets[name as DetectorPresetName]
    : undefined;
}
