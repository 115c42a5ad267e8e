/**
 * How much of a full search ASHA takes to find the best of 27 settings of a new head on real digits: real sweeps, one
 * worker, one trial at a time. The best is what training all 27 to their end finds. Because one order of the settings may be
 * lucky, the simulator plays ASHA over the recorded curves in 200 other orders as well.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { SweepReport } from '../contracts/sweep.ts';
import { openSearch } from '../core/search/searcher.ts';
import { fromCurves, simulate } from '../core/search/simulate.ts';
import type { Values } from '../core/search/space.ts';
import { openSweep } from '../core/search/sweep.ts';
import { bestTrials } from '../core/search/trials.ts';
import { stream } from '../core/rng.ts';
import { unwrap } from '../core/result.ts';
import { loadSweepFile } from '../infra/sweep-file/load.ts';
import { createS3ObjectStore } from '../infra/s3/s3-object-store.ts';
import { writeDigitFolders } from './lib/digit-folders.ts';
import { benchOptions, say } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import { withStack } from './lib/stack.ts';
import type { Stack } from './lib/stack.ts';

const ALLOWED = 0.35;
const ORDERS = 200;
/** After how many epochs a trial may be given up: one is too few to tell rates apart, three cost more than they find. */
const GRACE = 2;

const options = benchOptions();
const epochs = options.quick ? 9 : 27;
const perDigit = options.quick ? 20 : 100;
const BASE = `name: digits
dataset: { source: ./images }
image: { size: [96, 96] }
model: { backbone: efficientnet-lite0, weights: imagenet, strategy: head }
train: { epochs: ${epochs}, batchSize: 32 }
`;
/** 9 × 3: three rates too small, three too large; smoothing moves the loss a little. */
const sweepOf = (search: string): string => `base: base.yaml
space:
  train.optimizer.learningRate: { log: [1.0e-4, 1.0], points: 9 }
  train.labelSmoothing: { choice: [0, 0.1, 0.2] }
search: { ${search}, trials: 27, metric: validation.loss, seed: 1 }
promote: false
failuresAtMost: 1
`;

async function run({ dir, cli }: Stack, name: string, search: string): Promise<SweepReport> {
  const file = join(dir, `${name}.yaml`);
  await writeFile(file, sweepOf(search));
  const result = await cli.json<SweepReport>('sweep', file);
  say(`${name}: ${stepsOf(result)} steps, best ${JSON.stringify(result.best?.values)} ${result.best?.metric}`);
  return result;
}

const stepsOf = ({ trials }: SweepReport): number => trials.reduce((total, { steps }) => total + steps, 0);

const Line = z.object({ epoch: z.int(), validationLoss: z.number() });

/** The loss that a trial reports after each epoch: that of the best one so far. */
async function curveOf(store: ReturnType<typeof createS3ObjectStore>, runId: string): Promise<number[][]> {
  const found = await store.get(`runs/${runId}/metrics.jsonl`);
  const lines = new TextDecoder().decode(found?.body).trim().split('\n');
  const seen = lines.flatMap((line) => {
    const parsed = Line.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  });
  let best = Number.POSITIVE_INFINITY;
  return seen.map(({ validationLoss }) => [(best = Math.min(best, validationLoss))]);
}

/** ASHA over the curves, the settings in an order of chance. */
function replayed(
  curves: ReadonlyMap<string, number[][]>,
  grace: number,
  space: Parameters<typeof openSearch>[0]['space'],
  order: number,
) {
  const random = stream(order, 'order');
  const wanted = [...curves.keys()]
    .map((key, index) => ({ key, at: random.uniform(0, index) }))
    .sort((a, b) => a.at - b.at)
    .map(({ key }) => JSON.parse(key) as Values);
  const search = openSearch({
    method: { kind: 'asha', eta: 3, grace, sampler: { kind: 'grid' } },
    ...{ seed: 1, objectives: [{ metric: 'validation.loss', goal: 'minimize' }], epochs, budget: wanted.length, space },
  });
  const stop = { target: null, patience: null, minDelta: 0, epochs: null, cost: null };
  const rules = { concurrency: 1, inOrder: true, stop, retries: 0, failuresAtMost: 1 };
  const play = fromCurves(({ values }) => {
    const curve = curves.get(JSON.stringify(values));
    return curve && { values: curve, secondsPerEpoch: 1 };
  });
  const { state } = simulate(openSweep({ ...search, wanted }, rules), play);
  const [best] = bestTrials(state.search.trials, state.search.objectives);
  return { best: JSON.stringify(best?.values), share: state.spent.epochs / (epochs * wanted.length) };
}

await withStack(async (stack) => {
  const { dir, connections } = stack;
  await writeDigitFolders(dir, perDigit);
  await writeFile(join(dir, 'base.yaml'), BASE);
  const asha = await run(stack, 'asha', `kind: asha, sampler: grid, grace: ${GRACE}, eta: 3`);
  const full = await run(stack, 'all', 'kind: grid');
  const store = createS3ObjectStore(connections.s3!);
  const curves = new Map<string, number[][]>();
  for (const { runId, values } of full.trials) curves.set(JSON.stringify(values), await curveOf(store, runId));
  store.close();
  const { input } = unwrap(await loadSweepFile(join(dir, 'all.yaml')));
  const best = JSON.stringify(full.best?.values);
  const simulated = [1, 2, 3].map((grace) => {
    const plays = Array.from({ length: ORDERS }, (_, order) =>
      replayed(curves, grace, input.state.search.space, order),
    );
    const shares = plays.map((play) => play.share);
    const mean = shares.reduce((sum, each) => sum + each, 0) / ORDERS;
    return {
      who: `asha, grace ${grace}, simulated in ${ORDERS} other orders`,
      steps: '–',
      share: `${figure(mean, 3)}, at most ${figure(Math.max(...shares), 3)}`,
      'finds the best': `${plays.filter((play) => play.best === best).length} of ${ORDERS}`,
      best: '–',
      loss: '–',
    };
  });
  const share = stepsOf(asha) / stepsOf(full);
  const same = JSON.stringify(asha.best?.values) === best;
  report(
    `The best of 27 settings on ${10 * perDigit} digits, ${epochs} epochs`,
    [
      {
        who: 'all 27 to their end',
        steps: stepsOf(full),
        share: 1,
        'finds the best': 'yes',
        best,
        loss: figure(full.best?.metric ?? null, 4),
      },
      {
        who: `asha, grace ${GRACE}`,
        steps: stepsOf(asha),
        share: figure(share, 3),
        'finds the best': same ? 'yes' : 'no',
        best: JSON.stringify(asha.best?.values),
        loss: figure(asha.best?.metric ?? null, 4),
      },
      ...simulated,
    ],
    [`allowed: ${ALLOWED} of the steps`],
  );
  process.exitCode = (same && share <= ALLOWED) || options.quick ? 0 : 1;
});
