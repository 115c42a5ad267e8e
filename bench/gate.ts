/**
 * How often the default gate promotes: 500 test sets of 1,000 images for each pair of models. Prints a table; --json.
 *
 * The first rows are real pairs: networks trained on real digits, which answer the same 4,500 pictures that none of them
 * was trained on; test sets are drawn from those. The rest are made up, to show what it hangs on: errors are shared (on
 * every image the better model is right wherever the worse is), half shared, or independent. Beside the power stands what
 * no test at a level of 5 % can exceed by much: that of a one-sided z test that knows the variance.
 */
import { GateConfig } from '../contracts/gate-config.ts';
import { coinTail, normalTail } from '../core/promotion/counts.ts';
import { judge } from '../core/promotion/gate.ts';
import { winsAndLosses } from '../core/promotion/paired.ts';
import type { PairedAnswers } from '../core/promotion/paired.ts';
import { drawTestSet } from '../test/lib/two-models.ts';
import { digitPool } from './lib/digit-pairs.ts';
import type { DigitTraining } from './lib/digit-pairs.ts';
import { benchOptions, say } from './lib/options.ts';
import { agreement, drawFrom } from './lib/pair-draws.ts';
import type { RealPair } from './lib/pair-draws.ts';
import { figure, report } from './lib/report.ts';
import { scratchDir } from './lib/scratch-dir.ts';

const options = benchOptions('metric', 'case');
const DRAWS = options.quick ? 50 : 500;
const IMAGES = 1000;
const GAIN = 0.03;
const FIVE_PERCENT = 1.6448536269514722;
const metric = options.text('metric') ?? 'accuracy';
const rules = GateConfig.parse({ betterThanChampion: { metric } });
const CLASSES = Array.from({ length: 10 }, (_, digit) => String(digit));

/** Two models between which only `gain` is chosen. */
interface Pair {
  readonly name: string;
  readonly accuracy: number;
  /** Share of images that only one of two equal ones gets right; and of two with the gain between them. */
  readonly differing: { readonly equal: number; readonly better: number };
  draw(gain: number, draw: number): PairedAnswers;
}

const accuracyOf = (labels: ArrayLike<number>, answers: ArrayLike<number>): number => {
  let right = 0;
  for (let row = 0; row < labels.length; row++) if (answers[row] === labels[row]) right++;
  return right / labels.length;
};

/** The whole gate with its defaults. Exact: what McNemar's test refuses the gate refuses, and it is quicker asked. */
function promoted(answers: PairedAnswers): boolean {
  const { wins, losses } = winsAndLosses(answers);
  const sure = 1 - (rules.betterThanChampion?.confidence ?? 1);
  if (metric === 'accuracy' && coinTail(wins, losses) > sure) return false;
  const { labels } = answers;
  const cost = { sizeBytes: 1, latencyMs: null };
  const challenger = { scores: { accuracy: accuracyOf(labels, answers.challenger) }, classes: CLASSES, cost };
  const scores = { accuracy: accuracyOf(labels, answers.champion) };
  const champion = { kind: 'scored' as const, version: 1, scores, test: { answers, paths: [] } };
  return judge(challenger, champion, rules).decision === 'promote';
}

function promotionsOf({ draw }: Pair, gain: number): number {
  let count = 0;
  for (let number = 0; number < DRAWS; number++) if (promoted(draw(gain, number))) count++;
  return count;
}

/** Power of the z test on the paired difference. */
function zPower(differing: number): number {
  const [ifEqual, ifBetter] = [Math.sqrt(differing), Math.sqrt(differing - GAIN ** 2)];
  return normalTail((FIVE_PERCENT * ifEqual - GAIN * Math.sqrt(IMAGES)) / ifBetter);
}

const FIRST: DigitTraining = { from: 0, perDigit: 100, seed: 1, epochs: 10 };
const OTHERS: readonly (readonly [string, DigitTraining])[] = [
  ['digits: another seed', { ...FIRST, seed: 2 }],
  ['digits: other pictures', { ...FIRST, from: 100 }],
  ['digits: three times the pictures', { ...FIRST, perDigit: 300, epochs: 6 }],
];

async function realPairs(): Promise<Pair[]> {
  const { labels, classes, answersOf } = await digitPool(scratchDir());
  const one = await answersOf(FIRST);
  say(`digits: the first network is right on ${figure(100 * accuracyOf(labels, one), 1)} %`);
  const pairs: Pair[] = [];
  for (const [name, training] of OTHERS) {
    const other = await answersOf(training);
    say(`${name}: ${figure(100 * accuracyOf(labels, other), 1)} %`);
    const pair: RealPair = { name, classes: classes.length, labels, one, other };
    const { both, onlyOne } = agreement(pair);
    pairs.push({
      ...{ name, accuracy: both + (onlyOne - GAIN) / 2, differing: { equal: onlyOne, better: onlyOne } },
      draw: (gain, draw) => drawFrom(pair, gain, IMAGES, draw),
    });
  }
  return pairs;
}

const MADE_UP = [
  ['shared', 1],
  ['half shared', 0.5],
  ['independent', 0],
] as const;

const madeUp = [0.9, 0.95, 0.97].flatMap((accuracy) =>
  MADE_UP.map(([errors, alike]): Pair => {
    // Wins and losses: shares of images that one alone gets right.
    const differing = (gain: number): number => {
      const better = accuracy + gain;
      const [wins, losses] = [better * (1 - accuracy), accuracy * (1 - better)];
      return alike * gain + (1 - alike) * (wins + losses);
    };
    return {
      ...{ name: `made up: errors ${errors}`, accuracy },
      differing: { equal: differing(0), better: differing(GAIN) },
      draw: (gain, draw) =>
        drawTestSet({ images: IMAGES, classes: 10, champion: accuracy, challenger: accuracy + gain, alike }, draw),
    };
  }),
);

const wanted = options.text('case') ?? '';
const pairs = [...('digits'.includes(wanted) ? await realPairs() : []), ...madeUp].filter(({ name }) =>
  name.includes(wanted),
);
const count = (promotions: number): string => `${promotions} of ${DRAWS} (${figure((100 * promotions) / DRAWS, 1)} %)`;
report(
  `The default gate (${metric}), ${DRAWS} test sets of ${IMAGES} images for each pair`,
  pairs.map((pair) => {
    say(`${pair.name} at ${figure(pair.accuracy, 3)}`);
    return {
      pair: pair.name,
      'champion right': figure(pair.accuracy, 3),
      'right of one alone': figure(pair.differing.better, 3),
      'equal, promoted': count(promotionsOf(pair, 0)),
      '3 points better, promoted': count(promotionsOf(pair, GAIN)),
      'z test at 5 %': `${figure(100 * zPower(pair.differing.better), 1)} %`,
    };
  }),
  [
    'asked for: of equal models at most 5 % promoted, of models that are 3 points better at least 80 %',
    'right of one alone: the share of images that one of the two gets right and the other wrong; the z test hangs on it',
  ],
);
