import type { Advice } from '../advice/advise.ts';
import type { LookedAt } from './dataset-look.ts';

/** What a first graft.yaml is made of. */
export interface FirstPipeline {
  readonly name: string;
  readonly source: string;
  readonly task: 'classification' | 'detection';
  readonly look: LookedAt['report'];
  readonly advice: Advice;
}

/** A graft.yaml with the reasons beside the settings. Every key that is left out has its default. */
export function firstPipeline({ name, source, task, look, advice }: FirstPipeline): string {
  const { statistics: s, findings, testSize } = look;
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
    comment(`Advised (${advice.quadrant}):`, '  '),
    ...advice.why.map((reason) => comment(`- ${reason}.`, '  ')),
    ...advice.cautions.map(({ code, message }) => comment(`${code}: ${message}.`, '  ')),
    ...modelLines(advice),
    'train:',
    ...trainLines(advice),
    ...augmentLines(advice),
    'promote:',
    '  gate:',
    '    # minimum: { accuracy: 0.9 }     # a floor that a model must reach to become the champion',
    '    noWorseThanChampion: { accuracy: 0 }',
  ];
  return `${lines.join('\n')}\n`;
}

const modelLines = ({ strategy, lastN, cut }: Advice): string[] => [
  `  strategy: ${strategy}`,
  ...(lastN === null ? [] : [`  lastN: ${lastN}`]),
  ...(cut === null ? [] : [`  cut: ${cut}`]),
];

function trainLines({ epochs, learningRate, backboneRate }: Advice): string[] {
  if (epochs === null || learningRate === null) return ['  linear: { c: 1 }   # solved exactly: no epochs and no rate'];
  return [
    `  epochs: ${epochs}`,
    '  # Better still: graft lr-find measures a rate on your own pictures.',
    `  optimizer: { kind: adam, learningRate: ${learningRate} }`,
    ...(backboneRate === 1 ? [] : [`  backboneRate: ${backboneRate}   # of what has learnt already`]),
    `  earlyStop: { metric: validation.loss, patience: ${Math.max(3, Math.round(epochs / 5))} }`,
  ];
}

function augmentLines({ augmentation }: Advice): string[] {
  const why = 'where a mirrored picture is still of its class: not for text or digits';
  if (augmentation === 'none') return [`# augment: { flipHorizontal: 0.5, cachedVariants: 4 }   # ${why}`];
  const more = augmentation === 'strong' ? ', rotate: 10, brightness: 0.2, contrast: 0.2' : '';
  return [`# augment: { flipHorizontal: 0.5${more} }   # ${why}`];
}

/** One line of comment, whatever is in a class or file name. */
const comment = (text: string, indent = ''): string => `${indent}# ${text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`;
