/**
 * How often the gate's default rule promotes: 500 test sets of 1,000 images for each pair of models. Prints a table; --json.
 * Errors are shared (on every image the better model is right wherever the worse is), half shared, or independent. Beside
 * the power stands what no test at a level of 5 % can exceed by much: that of a one-sided z test that knows the variance.
 */
import { ImprovementConfig } from '../contracts/gate-config.ts';
import { normalTail } from '../core/promotion/counts.ts';
import { improvement } from '../core/promotion/rules.ts';
import { drawTestSet } from '../test/lib/two-models.ts';

const DRAWS = 500;
const IMAGES = 1000;
const GAIN = 0.03;
const FIVE_PERCENT = 1.6448536269514722;
const rule = ImprovementConfig.parse({});
const metrics = process.argv.includes('--macro-f1') ? (['accuracy', 'macroF1'] as const) : (['accuracy'] as const);
const errors = [
  ['shared', 1],
  ['half shared', 0.5],
  ['independent', 0],
] as const;

function promotedOf(champion: number, challenger: number, alike: number, metric: (typeof metrics)[number]): number {
  let promoted = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    const answers = drawTestSet({ images: IMAGES, classes: 10, champion, challenger, alike }, draw);
    if (improvement(answers, { ...rule, metric }, 1).every(({ passed }) => passed)) promoted++;
  }
  return promoted / DRAWS;
}

/** Power of the z test on the paired difference: wins and losses are the shares of images that one alone gets right. */
function zPower(champion: number, challenger: number, alike: number): number {
  const gain = challenger - champion;
  const wins = alike * gain + (1 - alike) * challenger * (1 - champion);
  const losses = (1 - alike) * champion * (1 - challenger);
  const [ifEqual, ifBetter] = [Math.sqrt(wins + losses), Math.sqrt(wins + losses - gain ** 2)];
  return normalTail((FIVE_PERCENT * ifEqual - gain * Math.sqrt(IMAGES)) / ifBetter);
}

const rows = metrics.flatMap((metric) =>
  [0.9, 0.95, 0.97].flatMap((accuracy) =>
    errors.map(([name, alike]) => ({
      ...{ metric, accuracy, errors: name },
      equalPromoted: promotedOf(accuracy, accuracy, alike, metric),
      betterPromoted: promotedOf(accuracy, accuracy + GAIN, alike, metric),
      zTest: zPower(accuracy, accuracy + GAIN, alike),
    })),
  ),
);
if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ rule, draws: DRAWS, images: IMAGES, gain: GAIN, rows }, null, 2)}\n`);
} else {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(9);
  process.stdout.write('metric    champion  errors       equal promoted   3 points better promoted   z test at 5 %\n');
  for (const { metric, accuracy, errors: name, equalPromoted, betterPromoted, zTest } of rows) {
    const figures = `${percent(equalPromoted)}         ${percent(betterPromoted)}                  ${percent(zTest)}`;
    process.stdout.write(`${metric.padEnd(9)} ${String(accuracy).padEnd(9)} ${name.padEnd(12)} ${figures}\n`);
  }
}
