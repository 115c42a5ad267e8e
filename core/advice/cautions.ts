import { backboneFacts } from '../backbone-facts.ts';
import type { BackboneName } from '../backbone-facts.ts';
import type { Strategy } from '../training/frozen-prefix.ts';
import { dataSize } from './situation.ts';
import { workOf } from './work.ts';

/** A setting that works and often disappoints. */
export interface Caution {
  readonly code: 'SMALL_FULL' | 'BATCH_NORM_BATCH' | 'GRAY_FROM_COLOUR' | 'PARAMETERS_MANY';
  readonly message: string;
}

export interface Cautioned {
  readonly images: number;
  readonly classes: number;
  readonly backbone: BackboneName;
  readonly pretrained: boolean;
  readonly strategy: Strategy;
  readonly lastN: number | null;
  readonly cut: string | null;
  readonly batchSize: number;
  readonly gray: boolean;
}

/** Below it the mean and variance of a batch say little of the set's (Wu and He 1803.08494, figure 1). */
const BATCH_NORM_LEAST = 16;

/** Trainable parameters to each image: a head of 1,280 × 10 on 500 images has 26, a whole EfficientNet on them 6,800. */
const PARAMETERS_PER_IMAGE = 500;

const withoutBatchNorm: readonly BackboneName[] = ['vgg16', 'squeezenet-1.1'];

/** What to say of a choice, whoever made it. */
export function cautionsFor(facts: Cautioned): Caution[] {
  return [smallFull(facts), batchNorm(facts), gray(facts), parameters(facts)].flatMap((each) => each ?? []);
}

const learnsAll = (strategy: Strategy): boolean => ['gradual', 'full', 'scratch'].includes(strategy);

function smallFull({ images, classes, strategy }: Cautioned): Caution | null {
  if (!learnsAll(strategy) || dataSize(images, classes) !== 'small') return null;
  const message = `${images} images are few to train a whole network on: it learns them by heart; compare with strategy: linear-probe, which costs little`;
  return { code: 'SMALL_FULL', message };
}

function batchNorm({ strategy, batchSize, backbone }: Cautioned): Caution | null {
  const live = learnsAll(strategy) || strategy === 'last-n';
  if (!live || batchSize >= BATCH_NORM_LEAST || withoutBatchNorm.includes(backbone)) return null;
  const message = `batches of ${batchSize} make poor means and variances for BatchNorm in the layers that learn; use ${BATCH_NORM_LEAST} or more, or strategy: head, whose BatchNorm keeps what it has stored`;
  return { code: 'BATCH_NORM_BATCH', message };
}

function gray({ gray: isGray, pretrained, backbone }: Cautioned): Caution | null {
  if (!isGray || !pretrained) return null;
  const message = `${backbone} learnt from colour: gray pictures are repeated over three channels, which is as if its first kernels were summed; colour can't tell your classes apart, so look at shape and texture in the errors`;
  return { code: 'GRAY_FROM_COLOUR', message };
}

function parameters({ images, classes, backbone, strategy, lastN, cut }: Cautioned): Caution | null {
  const { defaultSizePx: side } = backboneFacts[backbone];
  const shape = { backbone, strategy, lastN: lastN ?? 1, cut, classes, heightPx: side, widthPx: side };
  const { trainable } = workOf(shape);
  const each = Math.round(trainable / Math.max(1, images));
  if (each <= PARAMETERS_PER_IMAGE) return null;
  const count = (value: number): string => value.toLocaleString('en-GB');
  const message = `${count(trainable)} parameters learn from ${count(images)} images, ${count(each)} to each: keep an eye on validation loss, augment, and stop early`;
  return { code: 'PARAMETERS_MANY', message };
}
