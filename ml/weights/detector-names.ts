/** What a tensor of a detection checkpoint is here. */
export interface DetectorTensorName {
  readonly param: string;
  /** `offset`: a convolution whose BatchNorm is folded into it; what is left of it is its shift. */
  readonly kind: 'value' | 'offset';
}

const VARIABLES: Readonly<Record<string, string>> = {
  weights: 'kernel',
  depthwise_weights: 'kernel',
  pointwise_weights: 'kernel',
  biases: 'bias',
  'BatchNorm/gamma': 'bn/gamma',
  'BatchNorm/beta': 'bn/beta',
  'BatchNorm/moving_mean': 'bn/moving_mean',
  'BatchNorm/moving_variance': 'bn/moving_variance',
};

type Place = (found: readonly string[]) => string;
const number = (text: string | undefined): number => Number(text ?? 0);
const part = (text: string | undefined): string => (text === 'ClassPredictor' ? 'classes' : 'boxes');

/** The further maps: a 1×1 and a 3×3 convolution each, numbered from 2 behind the name of the backbone’s last layer. */
const narrow: Place = ([, n]) => `detector/extra${number(n) - 2}/narrow`;
const reduce: Place = ([, n]) => `detector/extra${number(n) - 2}/reduce`;

/** Layers as research/object_detection and SLIM name them, and as @vladmandic/face-api’s export of one does. */
const LAYERS: readonly (readonly [RegExp, Place])[] = [
  [/^MobilenetV1\/Conv2d_0(?:_pointwise)?$/, () => 'backbone/stem'],
  [/^MobilenetV1\/Conv2d_(\d+)_(depthwise|pointwise)$/, ([, n, kind]) => `backbone/blocks.${number(n) - 1}/${kind ?? ''}`],
  [/^MobilenetV1\/Conv2d_13_pointwise_1_Conv2d_(\d)_1x1_\d+$/, narrow],
  [/^MobilenetV1\/Conv2d_13_pointwise_2_Conv2d_(\d)_3x3_s2_\d+$/, reduce],
  [/^Prediction\/Conv2d_(\d)_pointwise$/, ([, n]) => `detector/extra${Math.floor(number(n) / 2)}/${number(n) % 2 === 0 ? 'narrow' : 'reduce'}`],
  [/^MobilenetV2\/Conv$/, () => 'backbone/stem'],
  [/^MobilenetV2\/expanded_conv\/(expand|depthwise|project)$/, ([, kind]) => `backbone/blocks.0/${kind ?? ''}`],
  [/^MobilenetV2\/expanded_conv_(\d+)\/(expand|depthwise|project)$/, ([, n, kind]) => `backbone/blocks.${n ?? ''}/${kind ?? ''}`],
  [/^MobilenetV2\/Conv_1$/, () => 'backbone/top'],
  [/^MobilenetV2\/layer_19_1_Conv2d_(\d)_1x1_\d+$/, narrow],
  [/^MobilenetV2\/layer_19_2_Conv2d_(\d)_3x3_s2_\d+$/, reduce],
  [/^InceptionV2\/Conv2d_2b_1x1$/, () => 'backbone/conv2/branch0.1'],
  [/^InceptionV2\/Conv2d_2c_3x3$/, () => 'backbone/conv2/branch0.2'],
  [/^InceptionV2\/Mixed_(\d[a-e])\/Branch_(\d)\/Conv2d_0([a-c])_\dx\d$/, ([, name, branch, letter]) => `backbone/mixed${name ?? ''}/branch${branch ?? ''}.${'abc'.indexOf(letter ?? 'a')}`],
  // The convolution that halves is the last of its branch: behind one in the first, behind two in the second.
  [/^InceptionV2\/Mixed_(\d[a-e])\/Branch_(\d)\/Conv2d_1a_3x3$/, ([, name, branch]) => `backbone/mixed${name ?? ''}/branch${branch ?? ''}.${number(branch) + 1}`],
  [/^InceptionV2\/Mixed_5c_1_Conv2d_(\d)_1x1_\d+$/, narrow],
  [/^InceptionV2\/Mixed_5c_2_Conv2d_(\d)_3x3_s2_\d+$/, reduce],
  [/^(?:Prediction\/)?BoxPredictor_(\d)\/(BoxEncodingPredictor|ClassPredictor)$/, ([, n, what]) => `detector/map${n ?? ''}/${part(what)}`],
  [/^Conv$/, () => 'detector/rpn/conv'],
  [/^FirstStageBoxPredictor\/BoxEncodingPredictor$/, () => 'detector/rpn/boxes'],
  [/^FirstStageBoxPredictor\/ClassPredictor$/, () => 'detector/rpn/objectness'],
  [/^SecondStageBoxPredictor\/(BoxEncodingPredictor|ClassPredictor)$/, ([, what]) => `detector/roi/${part(what)}`],
]; // prettier-ignore

/** The parameter that a tensor of this name is; null for what graft has no place for. */
export function detectorTensorName(file: string): DetectorTensorName | null {
  if (file.startsWith('backbone/') || file.startsWith('detector/')) return { param: file, kind: 'value' };
  const bare = file
    .replace(/^(?:FirstStage|SecondStage)?FeatureExtractor\//, '')
    .replace(/^InceptionV2\/InceptionV2\//, 'InceptionV2/');
  const stem = /^InceptionV2\/Conv2d_1a_7x7\/(depthwise_weights|pointwise_weights|biases)$/.exec(bare)?.[1];
  if (stem !== undefined) {
    const layer = stem === 'depthwise_weights' ? 'depthwise/kernel' : `pointwise/${VARIABLES[stem] ?? ''}`;
    return { param: `backbone/stem/${layer}`, kind: 'value' };
  }
  const offset = bare.endsWith('/convolution_bn_offset');
  const variable = offset ? 'convolution_bn_offset' : Object.keys(VARIABLES).find((end) => bare.endsWith(`/${end}`));
  if (variable === undefined) return null;
  const layer = bare.slice(0, -variable.length - 1);
  for (const [pattern, place] of LAYERS) {
    const found = pattern.exec(layer);
    if (!found) continue;
    return offset
      ? { param: place(found), kind: 'offset' }
      : { param: `${place(found)}/${VARIABLES[variable] ?? ''}`, kind: 'value' };
  }
  return null;
}
