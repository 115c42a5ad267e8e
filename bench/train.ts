/**
 * Training speed and peak memory of graft against Keras, PyTorch and tfjs, measured in turn in one run.
 * docs/benchmarks.md says what is compared and how to read it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BackboneId } from '../contracts/pipeline-config.ts';
import type { Kernels } from './lib/graft-child.ts';
import { FROZEN_EPOCHS, measureGraft, timedTraining } from './lib/graft-train.ts';
import { benchOptions, say } from './lib/options.ts';
import { chosenPeers, measurePeer, peers, peerVersions, versionNotes, whyNot } from './lib/peers.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';
import { scratchDir } from './lib/scratch-dir.ts';
import { median } from './lib/statistics.ts';
import { BATCH_SIZE, CLASSES } from './lib/timing.ts';
import type { Measured, Timing } from './lib/timing.ts';
import { chosenCases, trainCases } from './lib/train-cases.ts';
import type { TrainCase } from './lib/train-cases.ts';
import { benchJob, noiseFile } from './lib/training-job.ts';

/** Rows of noise on disk; an epoch goes over them REPEATS times. */
const ROWS = 192;
const REPEATS = 100;
/** Of a frozen part every image makes the pass, so there are fewer. */
const FROZEN_REPEATS = 4;

const options = benchOptions('case', 'peers', 'rounds', 'seconds');
const rounds = options.number('rounds', options.quick ? 1 : 2);
const timing: Timing = {
  warmUpSteps: options.quick ? 2 : 5,
  minSteps: options.quick ? 3 : 6,
  seconds: options.number('seconds', options.quick ? 2 : 10),
};
const cases = chosenCases(options.text('case'), options.quick);
if (cases.length === 0) options.refuse(`--case: one of ${trainCases.map(({ name }) => name).join(', ')} is expected`);
const rivals =
  chosenPeers(options.text('peers')) ??
  options.refuse(`--peers: some of ${peers.map(({ id }) => id).join(',')} are expected`);
const versions = await peerVersions();
const dir = scratchDir();

interface Competitor {
  readonly title: string;
  readonly whyNot: string | null;
  measure(): Promise<Measured>;
}

async function competitorsOf(each: TrainCase): Promise<Competitor[]> {
  const { backbone: id, sidePx, strategy } = each;
  const imagesPath = await noiseFile(join(dir, `train-${sidePx}.safetensors`), ROWS, sidePx, CLASSES);
  const backbone = BackboneId.safeParse(id);
  const repeats = strategy === 'full' ? REPEATS : options.quick ? 1 : FROZEN_REPEATS;
  const shape = { dir, strategy, sidePx, rows: ROWS, repeats, classes: CLASSES, train: timedTraining };
  const training = { backbone: id, strategy, sidePx, classes: CLASSES, batchSize: BATCH_SIZE, imagesPath };
  const graft = (title: string, kernels: Kernels): Competitor => ({
    title,
    whyNot: backbone.success ? null : 'graft has no such backbone',
    measure: async () => {
      // Features that an earlier round left would be found again.
      for (const name of ['run', 'features']) await rm(join(dir, name), { recursive: true, force: true });
      return measureGraft(await benchJob({ ...shape, backbone: BackboneId.parse(id) }), timing, kernels);
    },
  });
  const others = rivals.map((peer) => ({
    title: peer.title,
    whyNot: whyNot(peer, versions),
    measure: () => measurePeer(peer, training, timing),
  }));
  return [graft('graft', 'own'), graft('graft, TensorFlow’s kernels', 'tensorflow'), ...others];
}

/** Every round goes through all of them, forwards and backwards in turn: a slow spell of the machine hits each. */
async function inTurn(each: TrainCase): Promise<Row[]> {
  const competitors = await competitorsOf(each);
  const outcomes = competitors.map((competitor) => ({ competitor, seen: [] as Measured[], why: competitor.whyNot }));
  for (let round = 0; round < rounds; round++) {
    for (const outcome of round % 2 === 0 ? outcomes : outcomes.toReversed()) {
      if (outcome.why !== null) continue;
      try {
        const measured = await outcome.competitor.measure();
        outcome.seen.push(measured);
        say(`${each.name}, ${outcome.competitor.title}: ${figure(measured.imagesPerSecond)} images/s`);
      } catch (error) {
        outcome.why = error instanceof Error ? error.message : String(error);
        say(`${each.name}, ${outcome.competitor.title}: not measured`);
      }
    }
  }
  for (const { competitor, why } of outcomes) {
    if (why !== null) unmeasured.push(`not measured: ${each.name}, ${competitor.title}: ${why}`);
  }
  const rateOf = (seen: readonly Measured[]) => median(seen.map(({ imagesPerSecond }) => imagesPerSecond));
  const ours = rateOf(outcomes[0]?.seen ?? []);
  return outcomes.map(({ competitor, seen }) => {
    const rate = rateOf(seen);
    const peaks = seen.flatMap(({ peakMb }) => (peakMb === null ? [] : [peakMb]));
    return {
      training: each.name,
      who: competitor.title,
      'images/s': rate === null ? 'not measured' : figure(rate, 1),
      'graft is × this': rate === null || ours === null ? '–' : figure(ours / rate),
      'peak MiB': figure(median(peaks), 0),
      rounds: seen.map((one) => figure(one.imagesPerSecond, 1)).join(', '),
      'steps timed': seen.reduce((sum, { steps }) => sum + steps, 0),
      how: seen[0] ? howOf(seen[0]) : '',
    };
  });
}

function howOf({ xla, passImagesPerSecond: pass, stepImagesPerSecond: steps }: Measured): string {
  if (pass !== undefined) return `pass ${figure(pass, 0)}, steps ${figure(steps ?? null, 0)}`;
  return xla === true ? 'XLA' : '';
}

const unmeasured: string[] = [];
const rows: Row[] = [];
for (const each of cases) rows.push(...(await inTurn(each)));
report(`Training, batch ${BATCH_SIZE}, Adam, ${CLASSES} classes`, rows, [
  ...versionNotes(versions),
  ...unmeasured,
  `graft behind a frozen part: over ${FROZEN_EPOCHS} epochs, with its one pass through that part; both alone under “how”`,
]);
