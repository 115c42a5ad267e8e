/**
 * What graft plan expects of a training against what it takes: for three strategies on real digits, `graft plan` and then
 * `graft run` of the same file on a stack of its own, and the ratio that the run's own report has.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunReport } from '../contracts/run.ts';
import { asPicture, readDigits } from './lib/digits.ts';
import { benchOptions, say } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';
import { withStack } from './lib/stack.ts';

const ALLOWED = 0.25;

const options = benchOptions('case');
const perDigit = options.quick ? 20 : 100;
const lite0 = '{ backbone: efficientnet-lite0, weights: imagenet, strategy: ';
const cases = [
  { name: 'head', model: `${lite0}head }`, epochs: options.quick ? 5 : 20 },
  { name: 'last-n', model: `${lite0}last-n, lastN: 2 }`, epochs: options.quick ? 1 : 6 },
  { name: 'full', model: `${lite0}full }`, epochs: options.quick ? 1 : 2 },
].filter(({ name }) => name.includes(options.text('case') ?? ''));

async function writeImages(dir: string): Promise<void> {
  for (const digit of await readDigits(0, perDigit)) {
    const folder = join(dir, 'images', String(digit.label));
    await mkdir(folder, { recursive: true });
    await asPicture(digit)
      .png()
      .toFile(join(folder, `${digit.index}.png`));
  }
}

const rows = await withStack(async ({ dir, cli }) => {
  await writeImages(dir);
  const found: Row[] = [];
  for (const { name, model, epochs } of cases) {
    const file = join(dir, `${name}.yaml`);
    const text = `name: digits\ndataset: { source: ./images }\nimage: { size: [96, 96] }\nmodel: ${model}\n`;
    await writeFile(file, `${text}train: { epochs: ${epochs} }\n`);
    await cli.json('plan', file, '--only', '--probe', '0');
    const { estimate } = await cli.json<RunReport>('run', file);
    if (!estimate || estimate.actualSeconds === null || estimate.ratio === null)
      throw new Error(`${name} has no estimate`);
    say(`${name}: ${figure(estimate.ratio)}`);
    const { low, expected, high } = estimate.seconds;
    found.push({
      strategy: name,
      epochs,
      'expected s': figure(expected),
      'range s': `${figure(low, 1)} – ${figure(high, 1)}`,
      'actual s': figure(estimate.actualSeconds),
      'actual / expected': figure(estimate.ratio),
      'in the range': estimate.actualSeconds >= low && estimate.actualSeconds <= high ? 'yes' : 'no',
    });
  }
  return found;
});
report(`What ${10 * perDigit} digits were expected to take, and took`, rows, [
  `allowed: actual / expected from ${figure(1 - ALLOWED)} to ${figure(1 + ALLOWED)}`,
]);
