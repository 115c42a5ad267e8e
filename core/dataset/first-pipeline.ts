import type { LookedAt } from './dataset-look.ts';

/** What a first graft.yaml is made of. */
export interface FirstPipeline {
  readonly name: string;
  readonly source: string;
  readonly task: 'classification' | 'detection';
  readonly look: LookedAt['report'];
}

/** Images in all below which only new layers are trained, and above which the whole network is worth its time. */
const FEW = 2_000;
const MANY = 20_000;

export interface Advice {
  readonly strategy: 'head' | 'last-n' | 'full';
  readonly why: string;
}

/**
 * By size alone (cs231n's rule without its second question, how like the pictures are to those that the network knows):
 * few images, only the new layers; more, the last blocks too; many, everything.
 */
export function firstAdvice(images: number): Advice {
  if (images < FEW) {
    const why = `${images} images are few: train new layers on the codes of a pretrained network`;
    return { strategy: 'head', why };
  }
  if (images < MANY) {
    const why = `${images} images bear training the last blocks as well; compare with strategy: head, which costs little`;
    return { strategy: 'last-n', why };
  }
  return {
    strategy: 'full',
    why: `${images} images are enough to train the whole network from its pretrained weights`,
  };
}

/** A graft.yaml with the reasons beside the settings. Every key that is left out has its default. */
export function firstPipeline({ name, source, task, look }: FirstPipeline): string {
  const { statistics: s, findings, testSize } = look;
  const { strategy, why } = firstAdvice(s.images);
  const classes = Object.keys(s.perClass).length;
  const wide = s.width.mean / Math.max(1, s.height.mean);
  const odd = wide > 1.5 || wide < 1 / 1.5;
  const percent = (share: number): string => `${Math.round(1000 * share) / 10} %`;
  const lines = [
    `# ${s.images} images in ${classes} classes, ${s.width.mean}×${s.height.mean} pixels on average.`,
    ...findings.map(({ code, message }) => comment(`${code}: ${message}`)),
    `name: ${name}`,
    `task: ${task}`,
    'dataset:',
    `  source: ${JSON.stringify(source)}`,
    '  split:',
    `    # About ${testSize.images} images to test with: two models that differ by less than ${percent(testSize.tellable)} look the same.`,
    '    test: 0.2',
    '    validation: 0.1',
    '    # If several pictures show one patient, video or place, name it: a regular expression whose group is the name.',
    '    # groupBy: "^[^/]+/(patient[0-9]+)_"',
    'image:',
    `  # ${odd ? 'The pictures are far from square: pad keeps their shape.' : 'Nearly square: stretching changes little.'}`,
    `  resize: ${odd ? 'pad' : 'stretch'}`,
    ...(s.gray === s.images ? ['  # All pictures are gray.', '  color: gray'] : []),
    'model:',
    '  backbone: efficientnet-lite0',
    comment(`${why}.`, '  '),
    `  strategy: ${strategy}`,
    'train:',
    '  epochs: 10',
    '  earlyStop: { metric: validation.loss, patience: 3 }',
    '# augment: { flipHorizontal: 0.5 }   # where a mirrored picture is still of its class: not for text or digits',
    'promote:',
    '  gate:',
    '    # minimum: { accuracy: 0.9 }     # a floor that a model must reach to become the champion',
    '    noWorseThanChampion: { accuracy: 0 }',
  ];
  return `${lines.join('\n')}\n`;
}

/** One line of comment, whatever is in a class or file name. */
const comment = (text: string, indent = ''): string => `${indent}# ${text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`;
