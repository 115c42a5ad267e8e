import type { BackboneId } from '../../backbones/backbone.ts';

/** How a tensor's dimensions are reordered on the way from PyTorch. */
export type Transposition =
  /** [out, in, h, w] → [h, w, in, out]. */
  | 'convolution'
  /** [channels, 1, h, w] → [h, w, channels, 1]. */
  | 'depthwise'
  /** [out, in] → [in, out]. */
  | 'linear'
  | 'none';

/** One tensor of a PyTorch file and the parameter it becomes. */
export interface TensorName {
  readonly torch: string;
  readonly param: string;
  readonly transposition: Transposition;
}

/**
 * Which tensor of a published PyTorch file is which parameter, classifier (`head/logits/…`) included. Null where no
 * published file is known.
 */
export function torchNames(backbone: BackboneId): readonly TensorName[] | null {
  switch (backbone) {
    case 'efficientnet-lite0':
      return efficientnetLite0Names();
    case 'mobilenet-v2':
      return mobilenetV2Names();
    case 'resnet50-v1.5':
      return resnet50V15Names();
    case 'resnet50':
    case 'tiny-cnn':
      return null;
  }
}

/** Names of lukemelas/EfficientNet-PyTorch, in which the first block has no expansion. */
function efficientnetLite0Names(): TensorName[] {
  const names = layer('backbone/stem', '_conv_stem', '_bn0', 'convolution');
  for (let i = 0; i < 16; i++) {
    const [param, torch] = [`backbone/blocks.${i}`, `_blocks.${i}`];
    if (i > 0) names.push(...layer(`${param}/expand`, `${torch}._expand_conv`, `${torch}._bn0`, 'convolution'));
    names.push(...layer(`${param}/depthwise`, `${torch}._depthwise_conv`, `${torch}._bn1`, 'depthwise'));
    names.push(...layer(`${param}/project`, `${torch}._project_conv`, `${torch}._bn2`, 'convolution'));
  }
  names.push(...layer('backbone/top', '_conv_head', '_bn1', 'convolution'));
  return [...names, ...classifier('_fc')];
}

/** Names of torchvision `mobilenet_v2`: `features.1` is the block without expansion. */
function mobilenetV2Names(): TensorName[] {
  const names = layer('backbone/stem', 'features.0.0', 'features.0.1', 'convolution');
  for (let i = 0; i < 17; i++) {
    const [param, torch] = [`backbone/blocks.${i}`, `features.${i + 1}.conv`];
    const at = i === 0 ? 0 : 1;
    if (i > 0) names.push(...layer(`${param}/expand`, `${torch}.0.0`, `${torch}.0.1`, 'convolution'));
    names.push(...layer(`${param}/depthwise`, `${torch}.${at}.0`, `${torch}.${at}.1`, 'depthwise'));
    names.push(...layer(`${param}/project`, `${torch}.${at + 1}`, `${torch}.${at + 2}`, 'convolution'));
  }
  names.push(...layer('backbone/top', 'features.18.0', 'features.18.1', 'convolution'));
  return [...names, ...classifier('classifier.1')];
}

/** Names of torchvision `resnet50`: four layers (stages) of blocks; the first block of each has a shortcut with weights. */
function resnet50V15Names(): TensorName[] {
  const names = layer('backbone/stem', 'conv1', 'bn1', 'convolution');
  let block = 0;
  for (const [stage, repeats] of [3, 4, 6, 3].entries()) {
    for (let repeat = 0; repeat < repeats; repeat++, block++) {
      const [param, torch] = [`backbone/blocks.${block}`, `layer${stage + 1}.${repeat}`];
      for (const [index, part] of ['reduce', 'spatial', 'expand'].entries()) {
        names.push(...layer(`${param}/${part}`, `${torch}.conv${index + 1}`, `${torch}.bn${index + 1}`, 'convolution'));
      }
      if (repeat > 0) continue;
      names.push(...layer(`${param}/shortcut`, `${torch}.downsample.0`, `${torch}.downsample.1`, 'convolution'));
    }
  }
  return [...names, ...classifier('fc')];
}

function layer(param: string, conv: string, batchNorm: string, transposition: Transposition): TensorName[] {
  const statistic = (torch: string, name: string): TensorName => ({
    torch: `${batchNorm}.${torch}`,
    param: `${param}/bn/${name}`,
    transposition: 'none',
  });
  return [
    { torch: `${conv}.weight`, param: `${param}/kernel`, transposition },
    statistic('weight', 'gamma'),
    statistic('bias', 'beta'),
    statistic('running_mean', 'moving_mean'),
    statistic('running_var', 'moving_variance'),
  ];
}

function classifier(torch: string): TensorName[] {
  return [
    { torch: `${torch}.weight`, param: 'head/logits/kernel', transposition: 'linear' },
    { torch: `${torch}.bias`, param: 'head/logits/bias', transposition: 'none' },
  ];
}
