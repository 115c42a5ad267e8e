import { blockCosts } from '../backbone-costs.ts';
import { backboneFacts } from '../backbone-facts.ts';
import type { BackboneName } from '../backbone-facts.ts';
import type { Strategy } from '../training/frozen-prefix.ts';
import { cautionsFor } from './cautions.ts';
import type { Caution } from './cautions.ts';
import { dataSize, earlierCut, separation, similarityOf } from './situation.ts';
import type { DataSize, ProbeFigures, Similarity } from './situation.ts';

/** What is known before anything is trained. */
export interface AdviceFacts {
  /** Pictures to learn from. */
  readonly images: number;
  readonly classes: number;
  readonly backbone: BackboneName;
  /** Whether it begins with weights that it learnt elsewhere. */
  readonly pretrained: boolean;
  /** Null where nothing was measured: then the size alone decides. */
  readonly probe: ProbeFigures | null;
  /** Whether the pictures have one channel. */
  readonly gray: boolean;
  /** Whether pictures are changed anew for every epoch: a classifier that is solved reads each once. */
  readonly augmenting: boolean;
  readonly batchSize: number;
}

/** What to train, and how: settings of graft.yaml, with the reasons in plain words. */
export interface Advice {
  readonly strategy: Strategy;
  /** Of `last-n`. */
  readonly lastN: number | null;
  /** Where the backbone ends, for a linear classifier on earlier activations. */
  readonly cut: string | null;
  readonly learningRate: number | null;
  /** The trunk's rate as a share of the head's. */
  readonly backboneRate: number;
  readonly epochs: number | null;
  readonly augmentation: 'none' | 'light' | 'strong';
  readonly size: DataSize;
  readonly similarity: Similarity;
  readonly quadrant: string;
  readonly why: readonly string[];
  readonly cautions: readonly Caution[];
}

type Choice = Pick<
  Advice,
  'strategy' | 'lastN' | 'cut' | 'learningRate' | 'backboneRate' | 'epochs' | 'augmentation'
> & {
  readonly reason: string;
};

const plain = { lastN: null, cut: null, backboneRate: 1 } as const;

/**
 * cs231n's four situations (size of the set × likeness to what the network knows), with the likeness measured. Pure: the
 * same facts, the same advice.
 */
export function advise(facts: AdviceFacts): Advice {
  const size = dataSize(facts.images, facts.classes);
  const similarity = facts.pretrained ? similarityOf(facts.probe) : 'unknown';
  const { reason, ...choice } = choose(facts, size, similarity);
  return {
    ...choice,
    size,
    similarity,
    quadrant: quadrantOf(facts, size, similarity),
    why: [sizeLine(facts, size), similarityLine(facts), reason],
    cautions: cautionsFor({ ...facts, ...choice }),
  };
}

function choose(facts: AdviceFacts, size: DataSize, similarity: Similarity): Choice {
  if (!facts.pretrained) return fromNothing(size);
  if (size === 'large') return everything(similarity);
  if (size === 'medium') return similarity === 'different' ? gradually() : lastBlocks(facts);
  return onCodes(facts, similarity);
}

function fromNothing(size: DataSize): Choice {
  const reason =
    size === 'large'
      ? 'there are no pretrained weights to start from, and enough images to do without'
      : 'there are no pretrained weights to start from: with so few images look for a network that has some (docs/which-network.md)';
  return { ...plain, strategy: 'scratch', learningRate: 1e-3, epochs: 50, augmentation: 'strong', reason };
}

/** Few pictures: nothing of the trunk learns. */
function onCodes(facts: AdviceFacts, similarity: Similarity): Choice {
  const cut = facts.probe === null ? null : earlierCut(facts.probe);
  if (facts.augmenting) {
    const reason = `few images: train the new layers alone; they are drawn anew for every epoch, so no classifier can be solved on codes`;
    return { ...plain, strategy: 'head', cut, learningRate: 1e-3, epochs: 15, augmentation: 'light', reason };
  }
  const solved = { ...plain, cut, learningRate: null, epochs: null, augmentation: 'none' } as const;
  if (similarity !== 'different' && cut === null) {
    const reason =
      'few images: a linear classifier on the codes has the fewest parameters to get wrong, is solved exactly and costs one forward pass an image';
    return { ...solved, strategy: 'linear-probe', reason };
  }
  const where = cut === null ? 'the codes' : `the activations behind ${cut}, which separate the classes better`;
  const reason = `few images that the network does not know: a support vector machine on ${where}; late layers know the classes of their own training`;
  return { ...solved, strategy: 'svm', reason };
}

/** About a tenth of the blocks: a frozen cut near an end, not in the middle (Yosinski et al. 1411.1792). */
function lastBlocks({ backbone }: AdviceFacts): Choice {
  const lastN = Math.max(1, Math.round(backboneFacts[backbone].blocks / 10));
  const name = blockCosts(backbone).at(-lastN)?.name ?? 'the last block';
  const reason = `enough images to train the last blocks as well (from ${name} on) at a tenth of the head's rate; the rest stays frozen and its output is kept, so that it runs once an image`;
  const rates = { learningRate: 1e-3, backboneRate: 0.1, epochs: 10 };
  return { ...plain, strategy: 'last-n', lastN, ...rates, augmentation: 'light', reason };
}

/** fastai's fine_tune: what it gives where nothing else is known. */
function gradually(): Choice {
  const reason =
    'the network does not know such pictures, and there are too few for training all of it at once: the new layers for an epoch, then everything, at rates that fall towards the front';
  return { ...plain, strategy: 'gradual', learningRate: 2e-3, epochs: 6, augmentation: 'strong', reason };
}

function everything(similarity: Similarity): Choice {
  const far = similarity === 'different';
  const reason = far
    ? 'the network does not know such pictures: train all of it from its pretrained weights, which often still help; from scratch is affordable too'
    : 'enough images to train the whole network from its pretrained weights, at a tenth of the rate for what it has learnt already';
  const rates = { learningRate: 1e-3, backboneRate: far ? 0.3 : 0.1, epochs: 10 };
  return { ...plain, strategy: 'full', ...rates, augmentation: far ? 'strong' : 'light', reason };
}

function quadrantOf({ pretrained }: AdviceFacts, size: DataSize, similarity: Similarity): string {
  if (!pretrained) return `${size} data, no pretrained weights`;
  const like = {
    similar: 'similar to what the network knows',
    between: 'partly similar to what the network knows',
    different: 'different from what the network knows',
    unknown: 'likeness not measured',
  }[similarity];
  return `${size} data, ${like}`;
}

const count = (value: number): string => value.toLocaleString('en-GB');
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

function sizeLine({ images, classes }: AdviceFacts, size: DataSize): string {
  const perClass = count(Math.round(images / Math.max(1, classes)));
  return `${count(images)} images to learn from, ${perClass} in each of ${classes} classes on average: ${size}`;
}

function similarityLine({ probe, pretrained, backbone }: AdviceFacts): string {
  if (!pretrained) return `${backbone} begins with random weights: nothing to be similar to`;
  if (probe === null) return 'how like the images are to those that the network knows was not measured';
  const whole = probe.cuts.at(-1)?.accuracy ?? 0;
  const said = `a linear classifier on the pretrained codes of ${count(probe.images)} of them names ${percent(whole)} rightly in ${probe.folds}-fold cross-validation (always the commonest class: ${percent(probe.majority)})`;
  const earlier = earlierCut(probe);
  const words = { similar: 'similar', between: 'partly similar', different: 'different', unknown: '' };
  const cuts = earlier === null ? '' : `; behind ${earlier} it is better`;
  return `${said}${cuts}: ${words[similarityOf(probe)]} (${separation(probe).toFixed(2)} of what there is to win)`;
}
