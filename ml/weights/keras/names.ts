import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { toFloat32 } from '../../../core/checkpoint/tensor-data.ts';
import { inputError } from '../../../core/errors.ts';
import type { Backbone, BackboneId } from '../../backbones/backbone.ts';
import { paramsOf } from '../../nn/apply-blocks.ts';
import type { TensorName } from '../names.ts';

/**
 * Which tensor of a file of keras.applications is which parameter, by layer and variable (`conv1_bn/gamma`). Null where
 * Keras has no such network. Kernels lie as they do here.
 */
export function kerasNames(backbone: Backbone): readonly TensorName[] | null {
  return tables[backbone.id]?.(backbone) ?? null;
}

const tables: Partial<Record<BackboneId, (backbone: Backbone) => TensorName[]>> = {
  vgg16: vgg16Names,
  resnet50: resnet50Names,
  'inception-v3': inceptionV3Names,
  'mobilenet-v1': mobilenetV1Names,
  'mobilenet-v1-0.75': mobilenetV1Names,
  'mobilenet-v1-0.5': mobilenetV1Names,
  'mobilenet-v1-0.25': mobilenetV1Names,
  'mobilenet-v2-keras': mobilenetV2Names,
  'mobilenet-v3-large': mobilenetV3Names,
  'mobilenet-v3-small': mobilenetV3Names,
  'efficientnet-b0': efficientnetB0Names,
};

const plain = (file: string, param: string | null): TensorName => ({ file, param, transposition: 'none' });

const withBias = (layer: string, param: string | null): TensorName[] =>
  ['kernel', 'bias'].map((variable) => plain(`${layer}/${variable}`, param && `${param}/${variable}`));

const batchNorm = (layer: string, param: string): TensorName[] =>
  ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => plain(`${layer}/${name}`, `${param}/bn/${name}`));

const convBn = (conv: string, bn: string, param: string): TensorName[] => [
  plain(`${conv}/kernel`, `${param}/kernel`),
  ...batchNorm(bn, param),
];

const predictions = withBias('predictions', 'head/logits');

function vgg16Names({ blocks }: Backbone): TensorName[] {
  const convolutions = blocks.flatMap(({ name, layers }, index) =>
    Array.from({ length: layers }, (_, i) => withBias(`block${index + 1}_conv${i + 1}`, `${name}/conv${i + 1}`)),
  );
  return [...convolutions, ...['fc1', 'fc2', 'predictions'].map((layer) => withBias(layer, null))].flat();
}

function resnet50Names(): TensorName[] {
  const layer = (keras: string, part: number | string, param: string): TensorName[] => [
    ...withBias(`${keras}_${part}conv`, param),
    ...batchNorm(`${keras}_${part}bn`, param),
  ];
  const names = layer('conv1', '', 'backbone/stem');
  let block = 0;
  for (const [stage, repeats] of [3, 4, 6, 3].entries()) {
    for (let repeat = 0; repeat < repeats; repeat++, block++) {
      const [keras, param] = [`conv${stage + 2}_block${repeat + 1}`, `backbone/blocks.${block}`];
      if (repeat === 0) names.push(...layer(keras, '0_', `${param}/shortcut`));
      for (const [index, part] of ['reduce', 'spatial', 'expand'].entries()) {
        names.push(...layer(keras, `${index + 1}_`, `${param}/${part}`));
      }
    }
  }
  return [...names, ...predictions];
}

/** Keras numbers these layers in the order in which they are made, which is that of the parameters: see `inCreationOrder`. */
function inceptionV3Names({ blocks }: Backbone): TensorName[] {
  const kernels = paramsOf(blocks).filter(({ name }) => name.endsWith('/kernel'));
  const names = kernels.flatMap(({ name }, index) => {
    const [conv, bn] = [`conv2d#${index}`, `batch_normalization#${index}`];
    return convBn(conv, bn, name.replace(/\/kernel$/, '')).filter(({ file }) => !file.endsWith('/gamma'));
  });
  return [...names, ...predictions];
}

function mobilenetV1Names(): TensorName[] {
  const names = convBn('conv1', 'conv1_bn', 'backbone/stem');
  for (let i = 1; i <= 13; i++) {
    const block = `backbone/blocks.${i - 1}`;
    names.push(...convBn(`conv_dw_${i}`, `conv_dw_${i}_bn`, `${block}/depthwise`));
    names.push(...convBn(`conv_pw_${i}`, `conv_pw_${i}_bn`, `${block}/pointwise`));
  }
  // A 1×1 convolution behind the pooling.
  return [
    ...names,
    { file: 'conv_preds/kernel', param: 'head/logits/kernel', transposition: 'squeeze' },
    plain('conv_preds/bias', 'head/logits/bias'),
  ];
}

function mobilenetV2Names(): TensorName[] {
  const names = convBn('Conv1', 'bn_Conv1', 'backbone/stem');
  for (let i = 0; i < 17; i++) {
    const prefix = i === 0 ? 'expanded_conv' : `block_${i}`;
    for (const part of i === 0 ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project']) {
      names.push(...convBn(`${prefix}_${part}`, `${prefix}_${part}_BN`, `backbone/blocks.${i}/${part}`));
    }
  }
  return [...names, ...convBn('Conv_1', 'Conv_1_bn', 'backbone/top'), ...predictions];
}

/** Names of Keras 3; Keras 2 had `expanded_conv/expand/BatchNorm` for `expanded_conv_expand_bn`: see `underscored`. */
function mobilenetV3Names({ blocks }: Backbone): TensorName[] {
  const names = convBn('conv', 'conv_bn', 'backbone/stem');
  for (const { name, params } of blocks.slice(1, -1)) {
    const index = Number(name.split('.')[1]);
    const prefix = index === 0 ? 'expanded_conv' : `expanded_conv_${index}`;
    for (const part of ['expand', 'depthwise', 'project']) {
      if (!params.some((spec) => spec.name === `${name}/${part}/kernel`)) continue;
      names.push(...convBn(`${prefix}_${part}`, `${prefix}_${part}_bn`, `${name}/${part}`));
    }
    if (!params.some((spec) => spec.name.startsWith(`${name}/se/`))) continue;
    names.push(...withBias(`${prefix}_squeeze_excite_conv`, `${name}/se/reduce`));
    names.push(...withBias(`${prefix}_squeeze_excite_conv_1`, `${name}/se/expand`));
  }
  const top = convBn('conv_1', 'conv_1_bn', 'backbone/top');
  return [...names, ...top, ...withBias('conv_2', null), ...withBias('logits', null)];
}

function efficientnetB0Names(): TensorName[] {
  const names = convBn('stem_conv', 'stem_bn', 'backbone/stem');
  let block = 0;
  for (const [stage, repeats] of [1, 2, 2, 3, 3, 4, 1].entries()) {
    for (let repeat = 0; repeat < repeats; repeat++, block++) {
      const [keras, param] = [`block${stage + 1}${'abcd'[repeat]}`, `backbone/blocks.${block}`];
      if (block > 0) names.push(...convBn(`${keras}_expand_conv`, `${keras}_expand_bn`, `${param}/expand`));
      names.push(...convBn(`${keras}_dwconv`, `${keras}_bn`, `${param}/depthwise`));
      names.push(...withBias(`${keras}_se_reduce`, `${param}/se/reduce`));
      names.push(...withBias(`${keras}_se_expand`, `${param}/se/expand`));
      names.push(...convBn(`${keras}_project_conv`, `${keras}_project_bn`, `${param}/project`));
    }
  }
  const normalization = ['mean', 'variance', 'count'].map((name) => plain(`normalization#0/${name}`, null));
  return [...names, ...convBn('top_conv', 'top_bn', 'backbone/top'), ...predictions, ...normalization];
}

/** Layers that Keras names itself. */
const NUMBERED = /^(conv2d|batch_normalization|normalization)(?:_(\d+))?$/;

/**
 * The tensors under the names of the tables: layers that Keras named itself (`conv2d_95`, counted over a whole process) are
 * numbered from 0 in the order of their making, and MobileNetV3's paths are written with underscores.
 */
export function tableNames(backbone: BackboneId, tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  const layers = new Set([...tensors.keys()].map(layerOf));
  const numbers = new Map<string, number[]>();
  for (const layer of layers) {
    const [, kind, number = '-1'] = NUMBERED.exec(layer) ?? [];
    if (kind !== undefined) numbers.set(kind, [...(numbers.get(kind) ?? []), Number(number)]);
  }
  for (const list of numbers.values()) list.sort((a, b) => a - b);
  const renamed = (name: string): string => {
    const layer = layerOf(name);
    const variable = name.slice(layer.length + 1);
    const [, kind, number = '-1'] = NUMBERED.exec(layer) ?? [];
    if (kind !== undefined) return `${kind}#${numbers.get(kind)?.indexOf(Number(number))}/${variable}`;
    return `${backbone.startsWith('mobilenet-v3') ? underscored(layer) : layer}/${variable}`;
  };
  return new Map([...tensors].map(([name, tensor]) => [renamed(name), tensor]));
}

const layerOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));
const underscored = (layer: string): string => layer.toLowerCase().replaceAll('/', '_').replace('batchnorm', 'bn');

/** Standard deviations of ImageNet's channels, and their squares. */
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

/**
 * NORMALIZATION_MISMATCH where EfficientNet's own normalization is not ImageNet's. The published files keep the standard
 * deviations as variances, and Keras divides by their root once more (keras/applications/efficientnet.py).
 */
export function checkNormalization(tensors: ReadonlyMap<string, TensorData>, where: string): void {
  const mean = tensors.get('normalization#0/mean');
  const variance = tensors.get('normalization#0/variance');
  if (mean === undefined || variance === undefined) return;
  const [means, variances] = [[...toFloat32(mean)], [...toFloat32(variance)]];
  const close = (values: readonly number[], wanted: readonly number[]): boolean =>
    values.length === 3 && values.every((value, index) => Math.abs(value - (wanted[index] ?? 0)) < 1e-3);
  const known = close(variances, DEVIATION) || close(variances, DEVIATION.map((value) => value ** 2)); // prettier-ignore
  if (close(means, MEAN) && known) return;
  throw inputError(
    'NORMALIZATION_MISMATCH',
    where,
    `a normalization by means ${means.slice(0, 3).join(', ')} and variances ${variances.slice(0, 3).join(', ')}`,
    'those of ImageNet, by which efficientnet-b0 takes its pixels',
    'use weights that were trained with them',
  );
}
