import type { Strategy } from '../../contracts/pipeline-config.ts';

/** A network to train; a backbone that graft does not know is reported as such. */
export interface TrainCase {
  readonly name: string;
  readonly backbone: 'mobilenet-v2' | 'efficientnet-lite0' | 'resnet50';
  readonly sidePx: number;
  readonly strategy: Exclude<Strategy, 'scratch'>;
  /** Measured without `--case`. */
  readonly byDefault: boolean;
}

const DEFAULT = [
  'mobilenet-v2 128 full',
  'mobilenet-v2 128 last-n',
  'efficientnet-lite0 128 full',
  'resnet50 128 full',
];

/** All of them, the headline first. */
export const trainCases: readonly TrainCase[] = (['mobilenet-v2', 'efficientnet-lite0', 'resnet50'] as const).flatMap(
  (backbone) =>
    ([128, 224] as const).flatMap((sidePx) =>
      (['full', 'last-n', 'head'] as const).map((strategy) => {
        const name = `${backbone} ${sidePx} ${strategy}`;
        return { name, backbone, sidePx, strategy, byDefault: DEFAULT.includes(name) };
      }),
    ),
);

/** Those whose name has `word` in it; without a word the default ones, and with `quick` the headline alone. */
export function chosenCases(word: string | null, quick: boolean): TrainCase[] {
  if (word !== null) return trainCases.filter(({ name }) => name.includes(word));
  return trainCases.filter(({ byDefault, name }) => (quick ? name === DEFAULT[0] : byDefault));
}
