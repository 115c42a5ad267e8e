/**
 * A new head on a frozen EfficientNet-Lite0 over real digits: graft, which sends every image through the frozen part
 * once, against Keras's ordinary fit with the same weights, data and optimizer. Whole trainings by the clock, from loaded
 * libraries to the end: tracing, compiling, reading weights and data, and graft's pass are all in it.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { float32Tensor } from '../core/checkpoint/tensor-data.ts';
import { AugmentConfig, TrainConfig } from '../contracts/pipeline-config.ts';
import type { TrainJob } from '../contracts/ml-protocol.ts';
import { asSha256 } from '../core/ids.ts';
import { settings } from '../infra/config.ts';
import { fetchWeights } from '../infra/native/weights-fetch.ts';
import { createBackbone } from '../ml/backbones/index.ts';
import { loadBackboneWeights } from '../ml/weights/load.ts';
import { writeSafetensorsFile } from '../ml/weights/safetensors-file.ts';
import { readDigits, writeDigits } from './lib/digits.ts';
import { behindPrefix, startJob } from './lib/graft-child.ts';
import { benchOptions, say } from './lib/options.ts';
import { askKeras, peerVersions, versionNotes } from './lib/peers.ts';
import { figure, report } from './lib/report.ts';
import { scratchDir } from './lib/scratch-dir.ts';
import { median } from './lib/statistics.ts';
import { BATCH_SIZE } from './lib/timing.ts';

const BACKBONE = 'efficientnet-lite0';
const CLASSES = Array.from({ length: 10 }, (_, digit) => String(digit));
const SIDE_PX = 96;
const LEARNING_RATE = 3e-3;

const options = benchOptions('rounds');
const rounds = options.number('rounds', options.quick ? 1 : 2);
const epochs = options.quick ? 3 : 10;
const perDigit = options.quick ? { train: 30, validation: 10 } : { train: 100, validation: 28 };
const versions = await peerVersions();
const dir = scratchDir();
const trainPath = join(dir, 'train.safetensors');
const validationPath = join(dir, 'validation.safetensors');
const weightsPath = join(dir, 'backbone.safetensors');

/** A whole training: when each epoch was over, and how good it was on the validation side. */
interface Training {
  readonly seconds: number;
  readonly epochs: readonly { readonly seconds: number; readonly accuracy: number }[];
  readonly peakMb: number | null;
}

/** The published weights by graft's names, in a file that both sides read. */
async function exportWeights(): Promise<void> {
  const published = await fetchWeights(BACKBONE, 'imagenet', settings());
  if (!published) throw new Error('no weights');
  const backbone = createBackbone(BACKBONE);
  const values = await loadBackboneWeights(backbone, published.path);
  const specs = backbone.blocks.flatMap(({ params }) => params);
  const tensors = specs.map(({ name, shape }) => [name, float32Tensor(values.get(name)!, shape)] as const);
  await writeSafetensorsFile(weightsPath, new Map(tensors));
}

function graftJob(round: number): TrainJob {
  const rows = { train: 10 * perDigit.train, validation: 10 * perDigit.validation };
  return {
    kind: 'train',
    workDir: join(dir, `run-${round}`),
    reads: { kind: 'pixels' },
    model: {
      backbone: BACKBONE,
      strategy: 'head',
      classes: CLASSES,
      image: { heightPx: SIDE_PX, widthPx: SIDE_PX, channels: 3, resize: 'stretch' },
      normalization: 'minus127-over128',
      dropout: 0,
    },
    lastN: 1,
    weightsPath,
    train: { rows: rows.train, shards: [{ path: trainPath, rows: rows.train }] },
    validation: { rows: rows.validation, shards: [{ path: validationPath, rows: rows.validation }] },
    config: TrainConfig.parse({
      epochs,
      batchSize: BATCH_SIZE,
      optimizer: { kind: 'adam', learningRate: LEARNING_RATE },
    }),
    augment: AugmentConfig.parse({}),
    dataOrderSha256: asSha256('0'.repeat(64)),
    resume: null,
  };
}

async function trainGraft(round: number): Promise<Training> {
  const frozen = await behindPrefix(graftJob(round), join(dir, `features-${round}`));
  const child = startJob(frozen.job);
  const seen: { seconds: number; accuracy: number }[] = [];
  let readyMs = child.startedMs;
  let seconds = Number.NaN;
  for await (const { event, atMs } of child.events) {
    if (event.kind === 'ready') readyMs = atMs;
    const since = frozen.seconds + (atMs - readyMs) / 1000;
    if (event.kind === 'epoch') seen.push({ seconds: since, accuracy: event.metrics.validationAccuracy });
    if (event.kind === 'trained') seconds = since;
  }
  const peaks = [frozen.peakMb, child.peakMb()].filter((peak) => peak !== null);
  return { seconds, epochs: seen, peakMb: peaks.length > 0 ? Math.max(...peaks) : null };
}

const Answer = z.object({
  seconds: z.number(),
  epochs: z.array(z.object({ seconds: z.number(), accuracy: z.number() })),
  peakMb: z.number().nullable(),
});

async function trainKeras(tuned: boolean): Promise<Training> {
  const spec = {
    trainPath,
    validationPath,
    weightsPath,
    epochs,
    rows: 10 * perDigit.train,
    sidePx: SIDE_PX,
    classes: CLASSES.length,
    batchSize: BATCH_SIZE,
    learningRate: LEARNING_RATE,
  };
  return Answer.parse(await askKeras('keras_head.py', spec, { tuned }, 900));
}

const competitors = [
  { who: 'graft', train: trainGraft, seen: [] as Training[] },
  ...(versions.keras.version === null
    ? []
    : [
        { who: 'keras.fit', train: () => trainKeras(false), seen: [] as Training[] },
        { who: 'keras.fit, graft’s environment', train: () => trainKeras(true), seen: [] as Training[] },
      ]),
];

await exportWeights();
await writeDigits(trainPath, await readDigits(0, perDigit.train), SIDE_PX);
await writeDigits(validationPath, await readDigits(perDigit.train, perDigit.validation), SIDE_PX);
for (let round = 0; round < rounds; round++) {
  for (const each of round % 2 === 0 ? competitors : competitors.toReversed()) {
    const training = await each.train(round);
    each.seen.push(training);
    say(`${each.who}: ${figure(training.seconds)} s`);
  }
}

const bestOf = (training: Training): number => Math.max(...training.epochs.map(({ accuracy }) => accuracy));
/** The accuracy that every training of everybody reaches. */
const target = Math.min(...competitors.flatMap(({ seen }) => seen.map(bestOf)));
const secondsToTarget = ({ epochs: list }: Training): number =>
  list.find(({ accuracy }) => accuracy >= target)?.seconds ?? Number.NaN;
const medianOf = (seen: readonly Training[], value: (training: Training) => number): number =>
  median(seen.map(value)) ?? Number.NaN;
const ours = competitors[0]!.seen;

report(
  `A new head on frozen ${BACKBONE}, ${SIDE_PX} px, ${10 * perDigit.train} digits, ${epochs} epochs`,
  competitors.map(({ who, seen }) => ({
    who,
    seconds: figure(medianOf(seen, ({ seconds }) => seconds)),
    'graft is × this': figure(medianOf(seen, ({ seconds }) => seconds) / medianOf(ours, ({ seconds }) => seconds)),
    'first epoch after s': figure(medianOf(seen, ({ epochs: [first] }) => first?.seconds ?? Number.NaN)),
    [`s to accuracy ${figure(target, 4)}`]: figure(medianOf(seen, secondsToTarget)),
    'graft is × this to it': figure(medianOf(seen, secondsToTarget) / medianOf(ours, secondsToTarget)),
    'best accuracy': figure(medianOf(seen, bestOf), 4),
    'last accuracy': figure(
      medianOf(seen, ({ epochs: list }) => list.at(-1)?.accuracy ?? Number.NaN),
      4,
    ),
    'peak MiB': figure(
      medianOf(seen, ({ peakMb }) => peakMb ?? Number.NaN),
      0,
    ),
    rounds: seen.map((one) => figure(one.seconds)).join(', '),
  })),
  [
    ...versionNotes(versions).filter((note) => !note.startsWith('torch')),
    'accuracy: on the validation side; the one in the heading is reached by everybody in every round',
  ],
);
