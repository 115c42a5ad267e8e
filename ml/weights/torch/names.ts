import type { BackboneId } from '../../backbones/backbone.ts';
import type { TensorName, Transposition } from '../names.ts';

/**
 * Which tensor of a published PyTorch file is which parameter, classifier (`head/logits/…`) included. Null where no
 * published file is known.
 */
export function torchNames(backbone: BackboneId): readonly TensorName[] | null {
  return tables[backbone]?.() ?? null;
}

const tables: Partial<Record<BackboneId, () => TensorName[]>> = {
  'efficientnet-lite0': efficientnetLite0Names,
  'inception-v4': inceptionV4Names,
  'mobilenet-v2': mobilenetV2Names,
  'resnet50-v1.5': resnet50V15Names,
  'squeezenet-1.1': squeezenet11Names,
};

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

/** Names of timm's `inception_v4` and Cadene's `inceptionv4` before it. Forks are numbered with their branch. */
function inceptionV4Names(): TensorName[] {
  const convBn = (param: string, torch: string): TensorName[] =>
    layer(`backbone/${param}`, `features.${torch}.conv`, `features.${torch}.bn`, 'convolution');
  const names = [0, 1, 2].flatMap((index) => convBn(`stem/branch0.${index}`, String(index)));
  names.push(...convBn('mixed3a/branch1.0', '3.conv'), ...convBn('mixed5a/branch0.0', '5.conv'));
  for (const [branch, convolutions] of [2, 4].entries()) {
    for (let i = 0; i < convolutions; i++) {
      names.push(...convBn(`mixed4a/branch${branch}.${i}`, `4.branch${branch}.${i}`));
    }
  }
  /** Convolutions of each branch; what is alone in its branch has no number in the file. */
  const modules: [ids: string[], first: number, branches: number[]][] = [
    [['5b', '5c', '5d', '5e'], 6, [1, 2, 3]],
    [['6a'], 10, [1, 3]],
    [['6b', '6c', '6d', '6e', '6f', '6g', '6h'], 11, [1, 3, 5]],
    [['7a'], 18, [2, 4]],
  ];
  for (const [ids, first, branches] of modules) {
    for (const [offset, id] of ids.entries()) {
      for (const [branch, count] of branches.entries()) {
        for (let i = 0; i < count; i++) {
          const torch = `${first + offset}.branch${branch}${count === 1 ? '' : `.${i}`}`;
          names.push(...convBn(`mixed${id}/branch${branch}.${i}`, torch));
        }
      }
      if (branches.length === 3) names.push(...convBn(`mixed${id}/branch3.1`, `${first + offset}.branch3.1`));
    }
  }
  const forked = ['0', '1.0', '1.1a', '1.1b', '2.0', '2.1', '2.2', '2.3a', '2.3b'];
  for (const [offset, id] of ['7b', '7c', '7d'].entries()) {
    const module = `${19 + offset}`;
    for (const part of forked) {
      const own = part === '0' ? '0.0' : part;
      names.push(...convBn(`mixed${id}/branch${own}`, `${module}.branch${part.replace('.', '_')}`));
    }
    names.push(...convBn(`mixed${id}/branch3.1`, `${module}.branch3.1`));
  }
  return [...names, ...classifier('last_linear')];
}

/** Names of torchvision `squeezenet1_1`; its classifier is a 1×1 convolution. */
function squeezenet11Names(): TensorName[] {
  const convBias = (param: string, torch: string): TensorName[] => [
    { file: `${torch}.weight`, param: `${param}/kernel`, transposition: 'convolution' },
    { file: `${torch}.bias`, param: `${param}/bias`, transposition: 'none' },
  ];
  const names = convBias('backbone/stem', 'features.0');
  for (const [index, module] of [3, 4, 6, 7, 9, 10, 11, 12].entries()) {
    for (const part of ['squeeze', 'expand1x1', 'expand3x3']) {
      names.push(...convBias(`backbone/fire${index + 2}/${part}`, `features.${module}.${part}`));
    }
  }
  const last = 'classifier.1';
  return [
    ...names,
    { file: `${last}.weight`, param: 'head/logits/kernel', transposition: 'pointwise' },
    { file: `${last}.bias`, param: 'head/logits/bias', transposition: 'none' },
  ];
}

function layer(param: string, conv: string, batchNorm: string, transposition: Transposition): TensorName[] {
  const statistic = (torch: string, name: string): TensorName => ({
    file: `${batchNorm}.${torch}`,
    param: `${param}/bn/${name}`,
    transposition: 'none',
  });
  return [
    { file: `${conv}.weight`, param: `${param}/kernel`, transposition },
    statistic('weight', 'gamma'),
    statistic('bias', 'beta'),
    statistic('running_mean', 'moving_mean'),
    statistic('running_var', 'moving_variance'),
  ];
}

function classifier(torch: string): TensorName[] {
  return [
    { file: `${torch}.weight`, param: 'head/logits/kernel', transposition: 'linear' },
    { file: `${torch}.bias`, param: 'head/logits/bias', transposition: 'none' },
  ];
}
