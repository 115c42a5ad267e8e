/** How often the gate's default rule is wrong: 500 test sets of two models for each pair. Prints a table; --json. */
import { ImprovementConfig } from '../contracts/gate-config.ts';
import { improvement } from '../core/promotion/rules.ts';
import { drawTestSet } from '../test/lib/two-models.ts';
import type { TwoModels } from '../test/lib/two-models.ts';

const DRAWS = 500;
const rule = ImprovementConfig.parse({});
const pairs: readonly (readonly [string, TwoModels])[] = [
  ['equal, 1,000 images', { images: 1000, classes: 10, champion: 0.9, challenger: 0.9, alike: 0.5 }],
  ['equal, 1,000 images, unlike', { images: 1000, classes: 10, champion: 0.9, challenger: 0.9, alike: 0 }],
  ['equal, 60 images', { images: 60, classes: 3, champion: 0.8, challenger: 0.8, alike: 0 }],
  ['3 points better, 1,000 images', { images: 1000, classes: 10, champion: 0.9, challenger: 0.93, alike: 0.5 }],
  ['3 points better, 1,000 images, alike', { images: 1000, classes: 10, champion: 0.9, challenger: 0.93, alike: 0.9 }],
  ['3 points better, 1,000 images, unlike', { images: 1000, classes: 10, champion: 0.9, challenger: 0.93, alike: 0 }],
];

const rows = pairs.flatMap(([name, models]) =>
  (['accuracy', 'macroF1'] as const).map((metric) => {
    let promoted = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      const outcomes = improvement(drawTestSet(models, draw), { ...rule, metric }, 1);
      if (outcomes.every(({ passed }) => passed)) promoted++;
    }
    return { models: name, metric, promoted, of: DRAWS, share: promoted / DRAWS };
  }),
);
if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ rule, rows }, null, 2)}\n`);
} else {
  for (const { models, metric, promoted, share } of rows) {
    process.stdout.write(
      `${models.padEnd(38)} ${metric.padEnd(9)} ${promoted}/${DRAWS}  ${(100 * share).toFixed(1)} %\n`,
    );
  }
}
